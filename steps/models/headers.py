"""Additional headers of requests to models, which definitions set."""

import re
from collections.abc import Mapping
from typing import Annotated, TypeAlias, TypeVar

from pydantic import AfterValidator, Field

from engine import Json
from steps.contract.step_type import StepBroke
from steps.effects.effects import Effects
from steps.language.template import SecretTemplate
from steps.secrets import secret_scope

V = TypeVar("V")

_LONGEST = 4_000
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OURS = frozenset(
    {
        "authorization", "x-api-key", "host", "connection", "content-length", "content-type",
        "accept", "accept-encoding", "transfer-encoding", "te", "trailer", "upgrade", "cookie",
        "proxy-authorization", "anthropic-version",
    }
)  # fmt: skip
REFERENCE = "secret:"
"""The prefix of a secret's name as the value of a header in a document."""


def _may_be_named(headers: dict[str, V]) -> dict[str, V]:
    for name in headers:
        if not _NAME.fullmatch(name) or name.lower() in _OURS:
            raise ValueError(f"{name[:100]!r} cannot be sent as a further header")
    return headers


def _may_be_said(headers: dict[str, str]) -> dict[str, str]:
    for name, text in headers.items():
        if not (text.isascii() and text.isprintable()):
            raise ValueError(f"the value of {name} must be printable ASCII characters")
    return headers


HeaderValue = Annotated[str, Field(max_length=_LONGEST, examples=["secret:GATEWAY_TOKEN"])]
"""The value of a header: a text, or `secret:` and the name of a secret with the text."""

FurtherHeaders: TypeAlias = Annotated[
    dict[str, HeaderValue], AfterValidator(_may_be_named), AfterValidator(_may_be_said)
]
"""The headers in the document of a model or an agent."""

TemplateHeaders: TypeAlias = Annotated[dict[str, SecretTemplate], AfterValidator(_may_be_named)]
"""The headers in a step."""

HEADERS = (
    "further headers of each question, also of those to `fallback`; a header that the model's "
    "document names stays as it is"
)


async def headers_of_document(headers: Mapping[str, str], effects: Effects) -> dict[str, str]:
    """Return the headers of a document as they are sent. Raises `StepBroke`."""
    found: dict[str, str] = {}
    for name, text in headers.items():
        is_secret = text.startswith(REFERENCE)
        found[name] = await effects.secret(text.removeprefix(REFERENCE)) if is_secret else text
    return _sendable(found)


async def headers_of_step(
    headers: Mapping[str, SecretTemplate], scope: Mapping[str, Json], effects: Effects
) -> dict[str, str]:
    """Return the headers of a step as they are sent; a null value leaves the header out.

    Raises `StepBroke` if a header cannot be sent.
    """
    if not headers:
        return {}
    names = {**scope, "secrets": await secret_scope([headers], effects)}
    given = {name: await template.rendered(names) for name, template in headers.items()}
    found = {name: _text(name, value) for name, value in given.items() if value is not None}
    return _sendable(found)


def merged_headers(first: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Return headers, with those of `more` added whose names they lack in any spelling."""
    taken = {name.lower() for name in first}
    return {**first, **{name: text for name, text in more.items() if name.lower() not in taken}}


def _text(name: str, value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise _invalid(f"headers.{name} must be a text, a number or a boolean")


def _sendable(headers: dict[str, str]) -> dict[str, str]:
    for name, text in headers.items():
        if len(text) > _LONGEST or not (text.isascii() and text.isprintable()):
            message = f"headers.{name} must be {_LONGEST:,} printable ASCII characters at most"
            raise _invalid(message)
    return {name: text.strip(" ") for name, text in headers.items()}


def _invalid(message: str) -> StepBroke:
    return StepBroke("InvalidRequest", message, retryable=False)
