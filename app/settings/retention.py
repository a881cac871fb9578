"""The settings for how long ended runs are kept."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from app.settings import json_text
from steps.language.durations import duration_ms

EndedStatus: TypeAlias = Literal["completed", "failed", "cancelled", "terminated"]


def _pairs(value: Any) -> Any:
    """Read `completed=90d,failed=180d`, the form of the environment and the command line."""
    if not isinstance(value, str) or value.lstrip().startswith("{"):
        return _json(value)
    parts = [part.strip() for part in value.split(",") if part.strip()]
    wrong = [part for part in parts if "=" not in part]
    if wrong:
        raise ValueError(f"{wrong[0]!r} must be a status, =, and a value, such as completed=90d")
    return {name.strip(): text.strip() for name, _, text in (p.partition("=") for p in parts)}


def _json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json_text.read(value)
    except ValueError as wrong:
        raise ValueError(f"must be JSON text: {wrong}") from wrong


def _age(text: str) -> str:
    duration_ms(text)
    return text


_Ages = dict[EndedStatus, Annotated[str, AfterValidator(_age)]]
Ages = Annotated[_Ages, BeforeValidator(_pairs)]
"""Durations by status."""

Counts = Annotated[dict[EndedStatus, Annotated[int, Field(ge=0)]], BeforeValidator(_pairs)]
"""Numbers of runs by status."""

TenantAges = Annotated[dict[str, Ages], BeforeValidator(_json)]
"""Durations by tenant and status."""
