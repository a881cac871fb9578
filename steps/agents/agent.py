"""Agent definitions: the model, instructions, tools, limits and guards of an agent."""

from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from engine import Json, JsonObject
from engine.value import value
from steps.agents.guard import Guards
from steps.contract.part import Part
from steps.contract.step_type import Problem
from steps.document.edge_condition import condition
from steps.document.problems import InvalidDefinition, problems_of
from steps.document.shape import ALSO_TEXT, Identifier, Retry, ShownName
from steps.fields.field_specs import spec_problems
from steps.fields.fields import Fields
from steps.language.durations import Duration
from steps.language.expression import ExpressionError
from steps.language.template import Template
from steps.language.template_places import DECIDES
from steps.models.headers import HEADERS, FurtherHeaders
from steps.models.options import FALLBACK, REASONING, Fallback, Reasoning


class Approval(Part):
    """When a person must approve a call, who may do so, and until when."""

    when: Annotated[str | None, DECIDES] = Field(
        None,
        max_length=4_096,
        description="a condition, with `arguments` in scope; without it, and if it cannot "
        "be evaluated, every call needs approval",
    )
    approvers: list[str] = Field(
        [],
        max_length=100,
        description="the names of the people who can approve, as in `answeredBy`; default: "
        "everybody who may answer",
    )
    deadline: Duration | None = Field(
        None,
        description="after this time without an answer the call counts as rejected; default: never",
    )

    @field_validator("when")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                condition(value)
            except ExpressionError as wrong:
                raise ValueError(str(wrong)) from wrong
        return value


class AgentTool(Part):
    """One thing that an agent may call: a tool, or a workflow that is marked as a tool."""

    tool: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="the id of a tool, `server.*` for all tools of an MCP server, or `ask-user`",
    )
    workflow: str | None = Field(
        None, min_length=1, max_length=200, description="the id of a workflow marked as a tool"
    )
    approval: bool | Approval = Field(
        False,
        description="whether a person must approve each call, or an object that says which calls",
    )
    timeout: Duration | None = Field(
        None, description="how long one call of the tool may take; default: `limits.callTime`"
    )
    retry: Retry | None = Field(
        None,
        description="when a failed call is retried before the model gets the error, as "
        "[for steps](README.md#keys-of-every-step); default: never",
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"tool": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> "AgentTool":
        if (self.tool is None) == (self.workflow is None):
            raise ValueError("give either tool or workflow")
        if self.workflow is not None and (self.timeout is not None or self.retry is not None):
            raise ValueError("timeout and retry are for tools; a workflow says so of its steps")
        return self


class Limits(Part):
    """How much an agent may use before its step fails or asks a person."""

    maxTurns: int = Field(  # noqa: N815
        20, ge=1, le=500, description="the largest number of answers of the model"
    )
    maxTokens: int = Field(  # noqa: N815
        500_000,
        ge=1,
        le=100_000_000,
        description="the largest number of input and output tokens, including those of "
        "workflows that it calls",
    )
    cost: float | None = Field(
        None,
        gt=0,
        le=1_000_000,
        description="how much its models may cost, including those of workflows that it calls",
    )
    time: Duration = Field(
        1_800_000,
        description="the longest time spent in models and tools, without waiting for people",
    )
    onLimit: Literal["fail", "ask"] = Field(  # noqa: N815
        "fail",
        description="what happens at one of these limits: the step fails, or a person "
        "chooses `more` (the same amount again), `deliver` (the result so far) "
        "or `stop`",
    )
    callTime: Duration = Field(300_000, description="how long one call of a tool may take")  # noqa: N815
    maxResult: int = Field(  # noqa: N815
        100_000,
        ge=1_000,
        le=1_000_000,
        description="how many characters of one result the model receives; a longer one is "
        "cut, with a note of how much is missing",
    )


class Summarize(Part):
    """How a conversation is summarised."""

    model: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="the model that writes the summary; default: the agent's model",
    )
    instructions: str | None = Field(
        None, min_length=1, max_length=20_000, description="instructions for the summary"
    )


class Context(Part):
    """How a long conversation is shortened for the model."""

    maxTokens: int = Field(  # noqa: N815
        ge=500,
        le=100_000_000,
        description="the size of a question, in tokens, above which it is shortened; one "
        "shortening lasts for many turns",
    )
    keepLast: int = Field(  # noqa: N815
        3, ge=1, le=500, description="how many of the newest answers are kept, with their results"
    )
    clearResults: bool = Field(  # noqa: N815
        True,
        description="replace the results of older calls by their length; if that is not "
        "enough, leave out the oldest messages of a thread too",
    )
    summarize: bool | Summarize = Field(
        False,
        description="have a model summarise everything older instead: true, or an object "
        "with settings",
    )

    @model_validator(mode="after")
    def _one_way(self) -> "Context":
        if not self.summarize and not self.clearResults:
            raise ValueError("leave clearResults true, or say summarize")
        return self


class AgentDocument(Part):
    """An agent in the form in which people write and store it."""

    id: Identifier | None = Field(
        None, description="the id in the API; default: made from the name"
    )
    name: ShownName = Field(description="a name for people")
    description: str = Field("", max_length=2_000, description="a description for people")
    status: Literal["draft", "testing"] = Field(
        "draft", description="the state of the draft, for people"
    )
    instructions: Template = Field(
        description="the system instructions for the model: a template with `inputs` in scope"
    )
    model: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="the name of the model; default: the default model of the server",
    )
    temperature: float | None = Field(
        None,
        ge=0,
        le=2,
        description="how much the answers vary: low values give the most likely answer",
    )
    maxTokens: int | None = Field(  # noqa: N815
        None, ge=1, description="the largest number of tokens of one answer"
    )
    reasoning: Reasoning | None = Field(None, description=REASONING)
    fallback: Fallback = Field([], description=FALLBACK)
    headers: FurtherHeaders = Field(
        {},
        max_length=20,
        description=f"{HEADERS}; `secret:NAME` is a secret of the tenant",
    )
    cache: bool = Field(
        True,
        description="whether to ask the provider to cache the conversation between turns, "
        "if it can",
    )
    toolChoice: str | None = Field(  # noqa: N815
        None,
        min_length=1,
        max_length=200,
        description="`required`: each answer must call a tool (`deliver` counts, if there "
        "are fields to deliver); or the id of the tool that the first answer "
        "must call",
    )
    tools: list[Annotated[AgentTool, ALSO_TEXT]] = Field(
        [], max_length=100, description="the tools that the agent can call"
    )
    output: dict[str, Any] = Field({}, description="the fields that the agent must deliver")
    limits: Limits = Field(
        default_factory=lambda: Limits.model_validate({}),
        description="limits on the work of the agent",
    )
    handoffs: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        [],
        max_length=20,
        description="ids of agents to which this agent can hand over; the fields to "
        "deliver, the limits and the guards remain those of this agent",
    )
    guards: Guards | None = Field(
        None, description="checks before the agent begins, and before its result is accepted"
    )
    checks: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        [],
        max_length=100,
        description="recorded runs on which `stepwell replay --checks` tests a version "
        "before it is published",
    )
    context: Context | None = Field(
        None, description="how a long conversation is shortened; default: never"
    )


@value(frozen=True, slots=True)
class AgentDefinition:
    """One version of an agent, ready to work.

    Attributes:
        document: The document as it was saved.
        name: The name that people see.
        description: What the agent does.
        status: `draft` or `testing`, as the document says.
        settings: The document after validation.
        output: The fields that the agent must deliver.
    """

    document: JsonObject
    name: str
    description: str
    status: str
    settings: AgentDocument
    output: Fields


def compile_agent(document: Json) -> AgentDefinition:
    """Check and compile an agent, as saving does.

    Args:
        document: The agent, a JSON value.

    Returns:
        The compiled agent.

    Raises:
        InvalidDefinition: The agent is not valid; `problems` lists everything that was found.
    """
    if not isinstance(document, dict):
        raise InvalidDefinition([Problem("", "an agent must be a JSON object")])
    output = document.get("output", {})
    found = (
        spec_problems(output, "output", outputs=False, stored=True)
        if isinstance(output, dict)
        else []
    )
    try:
        settings = AgentDocument.model_validate(document)
    except ValidationError as invalid:
        problems = [*problems_of(invalid, AgentDocument), *found]
        raise InvalidDefinition(problems) from invalid
    if not isinstance(settings.instructions.source, str):
        found.append(Problem("instructions", "must be a text"))
    if found:
        raise InvalidDefinition(found)
    fields = Fields(settings.output)
    return AgentDefinition(
        document, settings.name, settings.description, settings.status, settings, fields
    )
