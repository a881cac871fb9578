"""The guards of an agent as its document declares them."""

from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from steps.contract.part import Part
from steps.document.shape import ALSO_TEXT
from steps.language.expression import Expression, ExpressionError, bare_condition
from steps.language.template_places import DECIDES, StandsFor

GUARDED = frozenset({"message", "inputs", "output"})
"""The names that a guard's condition may use in addition to those of every step."""


class Guard(Part):
    """One check: a condition that must be true, or a workflow that must allow."""

    condition: Annotated[str | None, DECIDES] = Field(
        None,
        min_length=1,
        max_length=4_096,
        description="what must be true, with `message`, `inputs` and, in `after`, `output` in "
        "scope",
    )
    workflow: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="the id of a workflow that gets the same values and must return `allowed: "
        "true`",
    )
    message: str | None = Field(
        None, min_length=1, max_length=500, description="the message of a refusal"
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"condition": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> "Guard":
        if (self.condition is None) == (self.workflow is None):
            raise ValueError("give either condition or workflow")
        return self

    @field_validator("condition")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                Expression(bare_condition(value), also=GUARDED)
            except ExpressionError as wrong:
                raise ValueError(str(wrong)) from wrong
        return value


GuardOrText = Annotated[Guard, ALSO_TEXT, StandsFor("condition")]
"""A guard; a text is its condition."""


class Guards(Part):
    """Checks that run before an agent works, and before its delivery is accepted."""

    before: list[GuardOrText] = Field(
        [], max_length=10, description="checked before a model is asked"
    )
    after: list[GuardOrText] = Field(
        [],
        max_length=10,
        description="checked after the agent has delivered, before its result is accepted",
    )
