"""Settings that all asking steps share: assignees, deadline, notices, and what is shown."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from engine import Json
from steps.contract.part import Part
from steps.contract.step_type import StepBroke, StepSettings
from steps.language.durations import duration_ms
from steps.language.expression import ExpressionError
from steps.language.operations import shown
from steps.language.template import SecretTemplate, Template
from steps.language.template_places import StandsFor

OCCASIONS = ("asked", "reminded", "escalated")
MOST_PEOPLE = 100
MOST_SHOWN = 20


def _length(value: Any) -> Any:
    template = value if isinstance(value, Template) else Template(value)
    if template.is_constant:
        duration_ms(template.source)
    return template


def _template(value: Any) -> Any:
    try:
        return _length(value)
    except ExpressionError as wrong:
        raise ValueError(str(wrong)) from wrong


DurationTemplate = Annotated[
    Template,
    BeforeValidator(_template),
    WithJsonSchema({"type": "string", "examples": ["30s", "5m", "PT1H"]}),
]
"""A duration, or a template that gives one."""


class NoticeTemplate(SecretTemplate):
    """The content of a notice: its expressions may name `pause` and `secrets.NAME`."""

    __slots__ = ()

    def __init__(self, source: Json) -> None:
        super().__init__(source, also=frozenset({"pause"}))


class Escalation(Part):
    """Who else may answer after a given time."""

    after: DurationTemplate = Field(description="how long after the question was asked")
    assignees: list[Template] = Field(
        min_length=1, description="the people who may also answer from then on, as in `assignees`"
    )


class Notice(Part):
    """A tool or an address that is called to notify somebody, once the pause is durable."""

    toolId: str | None = Field(  # noqa: N815
        None, min_length=1, max_length=200, description="the id of a tool, such as `send-email`"
    )
    url: NoticeTemplate | None = Field(
        None,
        description="instead of a tool: the address for a POST request, such as a chat webhook",
    )
    body: NoticeTemplate | None = Field(
        None, description="with `url`: the JSON body of the request; default: `pause`"
    )
    inputs: dict[str, NoticeTemplate] = Field(
        {},
        description="the inputs of the tool; beside the usual names, `pause` is in scope, with "
        "`link`, `title`, `message`, `assignees`, `deadline`, `occasion`, `id` and `page`",
    )
    on: list[Literal["asked", "reminded", "escalated"]] = Field(
        ["asked", "reminded", "escalated"],
        min_length=1,
        description="the occasions on which it is sent",
    )

    @property
    def names_secrets(self) -> frozenset[str]:
        """The secrets that its templates name."""
        templates = [one for one in (self.url, self.body, *self.inputs.values()) if one]
        return frozenset[str]().union(*(one.secrets for one in templates))

    @property
    def receiver(self) -> str:
        """The name of what is called, for the history."""
        return self.toolId or "url"


class Shown(Part):
    """Something that the person who answers must see."""

    value: Template = Field(description="a value, the id of a file, or the response to an upload")
    title: Template | None = Field(None, description="a title above it")
    kind: Literal["auto", "text", "markdown", "table", "email", "file"] = Field(
        "auto",
        alias="as",
        description="how it is shown; `auto` chooses by the value, and by the media type of a file",
    )


def _shown(value: Any) -> Any:
    """Treat anything but an object with `value` as the value itself."""
    is_whole = isinstance(value, Shown) or (isinstance(value, dict) and "value" in value)
    return value if is_whole else {"value": value}


ShownTemplate = Annotated[
    Shown,
    BeforeValidator(_shown),
    StandsFor("value"),
    WithJsonSchema({"description": "a template, or an object with `value`"}),
]
"""A shown item: the value itself, or an object with more settings."""


class DeadlineAction(Part):
    """The action that is taken when nobody has answered in time."""

    actionValue: str = Field(  # noqa: N815
        min_length=1, max_length=200, description="the `value` of one of `actions`"
    )


class AskSettings(StepSettings):
    """The settings of an asking step apart from the question itself."""

    message: Template | None = Field(None, description="the text of the question")
    assignees: list[Template] = Field(
        [],
        max_length=MOST_PEOPLE,
        description="who may answer: names of people and groups, or `person:NAME` and "
        "`group:NAME` to be exact; default: everybody. An item may give a list",
    )
    exclude: list[Template] = Field(
        [],
        max_length=MOST_PEOPLE,
        description="who may never answer, such as `{{ startedBy }}` so that a second person "
        "decides; a template that gives null or a blank text fails the step",
    )
    deadline: DurationTemplate | None = Field(
        None, description="how long to wait for an answer; see `onDeadline`"
    )
    onDeadline: Literal["timeout", "fail", "stay"] | DeadlineAction = Field(  # noqa: N815
        "timeout",
        description="what happens if nobody answers in time: `timeout` takes the edge of that "
        "name, which the step then needs; `fail` fails the step; `stay` marks the question as "
        "overdue and keeps waiting; an object names the `actionValue` to choose",
    )
    remind: list[DurationTemplate] = Field(
        [],
        max_length=20,
        description="the times of reminders, each as a duration after the question was asked",
    )
    escalateTo: list[Escalation] = Field(  # noqa: N815
        [], max_length=10, description="who may also answer later"
    )
    notify: list[Notice] = Field(
        [],
        max_length=10,
        description="tools or addresses that announce the question, with a link to it",
    )
    show: list[ShownTemplate] = Field(
        [],
        max_length=MOST_SHOWN,
        description="values and files that the person needs to see in order to answer",
    )


def length_of(name: str, value: Json) -> int:
    """Return a duration that a template has given.

    Args:
        name: The setting.
        value: The value that the template gave.

    Returns:
        Milliseconds, more than 0.

    Raises:
        StepBroke: The value is not a duration.
    """
    try:
        return duration_ms(value)
    except ValueError as wrong:
        message = f"{name} {wrong}, not {shown(value)}"
        raise StepBroke("InvalidDuration", message, retryable=False) from wrong
