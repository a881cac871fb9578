"""The name of a signal, and the key that distinguishes signals of one name."""

import re
from collections.abc import Mapping
from typing import Annotated, TypeAlias

from pydantic import Field, StringConstraints

from engine import Json
from steps.contract.step_type import StepBroke
from steps.language.template import Template, as_text

CALLBACK = "callback"
"""The reserved name of signals to the address of a step's visit."""

LONGEST_KEY = 200
SignalName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$")]
SignalKey: TypeAlias = Annotated[
    Template,
    Field(
        default_factory=lambda: Template(""),
        description="the key that distinguishes signals of that name: a template, such as `{{ "
        "data.orderId }}`",
    ),
]
_KEY = re.compile(rf"[^\x00-\x1f\x7f]{{0,{LONGEST_KEY}}}")


async def key_of(template: Template, scope: Mapping[str, Json]) -> str:
    """Return the key that a template gives. Raises `StepBroke`."""
    value = await template.rendered(scope)
    if isinstance(value, dict | list | bool) or value is None:
        raise _unfit(f"not {as_text(value)[:80]}")
    key = as_text(value)
    if not _KEY.fullmatch(key):
        raise _unfit(f"of {LONGEST_KEY} characters at most")
    return key


def is_key(text: str) -> bool:
    """Return whether a text may be a key."""
    return _KEY.fullmatch(text) is not None


def _unfit(what: str) -> StepBroke:
    message = f"key must give a text or a number, {what}"
    return StepBroke("InvalidSignal", message, retryable=False)
