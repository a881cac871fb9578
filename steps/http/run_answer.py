"""The response of a run to a request that waits for its result: status, headers, body.

Only headers that describe the content may be set. Hop-by-hop headers, headers for which the server
itself is responsible, and headers that would affect other pages in the browser are refused.
"""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator

from engine import Json, JsonObject
from steps.contract.part import Part
from steps.contract.step_type import StepBroke
from steps.language.nearest import did_you_mean
from steps.language.template import Template, as_text

_ALLOWED = frozenset(
    {
        "access-control-allow-headers", "access-control-allow-methods",
        "access-control-allow-origin", "access-control-expose-headers", "access-control-max-age",
        "age", "cache-control", "content-disposition", "content-language", "content-location",
        "content-type", "deprecation", "etag", "expires", "last-modified", "link", "location",
        "retry-after", "sunset", "vary", "warning",
    }
)  # fmt: skip
_OWN = re.compile(r"x-[a-z0-9-]{1,60}")
_OF_THE_SERVER = frozenset(
    {"x-content-type-options", "x-frame-options", "x-request-id", "x-accel-redirect", "x-sendfile"}
)
_VALUE = re.compile(r"[\x20-\x7e\x80-\xff]*")
_MOST = 20
_LONGEST = 2_000
_LEAST_STATUS, _LAST_STATUS = 200, 599
_BODILESS = (204, 205, 304)
RECORD = "answer"
"""The record of a run's last step that holds its response."""


class HttpAnswer(Part):
    """The response to a request that waits for the run's result."""

    status: Template = Field(
        default_factory=lambda: Template(200),
        description="the status, from 200 to 599: a number, or a template that gives one",
    )
    headers: dict[str, Template] = Field(
        {},
        max_length=_MOST,
        description="headers that describe the content, and `x-...`; values are templates",
    )
    body: Template | None = Field(
        None,
        description="the body: a text is sent unchanged, anything else as JSON; default: the "
        "run's result",
    )

    @field_validator("status")
    @classmethod
    def _is_status(cls, status: Template) -> Template:
        if status.is_constant:
            _status(status.source)
        return status

    @field_validator("headers")
    @classmethod
    def _are_allowed(cls, headers: Mapping[str, Template]) -> Mapping[str, Template]:
        names = [name.lower() for name in headers]
        for name in names:
            if name in _OF_THE_SERVER or not (name in _ALLOWED or _OWN.fullmatch(name)):
                hint = did_you_mean(name, _ALLOWED)
                raise ValueError(f"{name[:80]} cannot be set here{hint}")
        if len(set(names)) < len(names):
            raise ValueError("a header field occurs twice")
        for template in headers.values():
            if template.is_constant:
                _value(template.source)
        return headers

    async def rendered(self, scope: Mapping[str, Json]) -> JsonObject:
        """Return the response in the form in which it is recorded. Raises `StepBroke`."""
        try:
            headers: JsonObject = {
                name.lower(): _value(await template.rendered(scope))
                for name, template in self.headers.items()
            }
            answer: JsonObject = {
                "status": _status(await self.status.rendered(scope)),
                "headers": headers,
            }
        except ValueError as wrong:
            raise StepBroke("InvalidAnswer", f"answer: {wrong}", retryable=False) from wrong
        if self.body is not None:
            answer["body"] = await self.body.rendered(scope)
        return answer


def has_no_body(status: int) -> bool:
    """Return whether a response with this status has no body."""
    return status in _BODILESS


def _status(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:4])
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not _LEAST_STATUS <= value <= _LAST_STATUS:
        raise ValueError(f"the status must be a number from {_LEAST_STATUS} to {_LAST_STATUS}")
    return int(value)


def _value(value: Json) -> str:
    text = as_text(value)
    if len(text) > _LONGEST or not _VALUE.fullmatch(text):
        raise ValueError(
            f"the value of a header must be a text of {_LONGEST} characters at most, in one line"
        )
    return text.strip()
