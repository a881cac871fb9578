"""Scripted answers of a model that calls no provider, for tests of workflows and agents."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_serializer, field_validator

from steps.language.durations import Duration, duration_text
from steps.language.expression import Expression, ExpressionError, bare_condition
from steps.language.template import Template

T = TypeVar("T")

ASKED = frozenset({"asked"})
"""What the expressions of a script may name besides the names available in every step."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class ScriptedCall(_Part):
    """A tool call that a scripted answer makes."""

    tool: str = Field(min_length=1, max_length=200, description="the tool's or workflow's id")
    arguments: dict[str, Any] = Field({}, description="its arguments; a template")

    @field_validator("arguments")
    @classmethod
    def _compiles(cls, value: dict[str, Any]) -> dict[str, Any]:
        return _template(value)


class ScriptedError(_Part):
    """How a scripted model fails."""

    type: str = Field(
        min_length=1, max_length=100, description="the type, as in the errors of call-llm"
    )
    message: str = Field("as the script says", max_length=2_000, description="the error message")
    retryable: bool = Field(True, description="whether a retry may help")


class ScriptedAnswer(_Part):
    """One answer: its text, tool calls, delivered fields, or failure."""

    text: str = Field("", max_length=100_000, description="the text of the answer; a template")
    calls: list[ScriptedCall] = Field([], max_length=50, description="the tools it calls")
    output: Any = Field(
        None, description="the requested fields, which an agent delivers; a template"
    )
    error: ScriptedError | None = Field(None, description="fails so instead")
    inputTokens: int | None = Field(  # noqa: N815
        None,
        ge=0,
        le=100_000_000,
        description="the number of input tokens it reports; estimated without it",
    )
    outputTokens: int | None = Field(  # noqa: N815
        None,
        ge=0,
        le=100_000_000,
        description="the number of output tokens it reports; estimated without it",
    )
    delay: Duration | None = Field(
        None, description="how long the answer takes; without it, it comes at once"
    )

    @field_validator("text", "output")
    @classmethod
    def _compiles(cls, value: Any) -> Any:
        return _template(value)

    @field_serializer("delay")
    def _written(self, delay: int | None) -> str | None:
        return None if delay is None else duration_text(delay)


class Script(_Part):
    """The answers to one conversation, in order."""

    when: str | None = Field(
        None,
        max_length=4_096,
        description="a condition over `asked`; without it, the script matches every question",
    )
    answers: list[ScriptedAnswer] = Field(
        min_length=1, max_length=500, description="one answer per question, in order"
    )

    @field_validator("when")
    @classmethod
    def _holds(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                Expression(bare_condition(value), also=ASKED)
            except ExpressionError as wrong:
                raise ValueError(str(wrong)) from wrong
        return value


def _template(value: T) -> T:
    try:
        Template(value, also=ASKED)  # type: ignore[arg-type] # JSON
    except ExpressionError as wrong:
        raise ValueError(str(wrong)) from wrong
    return value
