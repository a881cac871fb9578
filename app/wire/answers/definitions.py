"""The JSON of workflows and agents: as shown, and as accepted for the next version."""

from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from app.wire.answers.parts import (
    IGNORED,
    ByServer,
    DefinitionId,
    DefinitionStatus,
    Problem,
    Time,
    TimeByServer,
    Version,
)
from steps.agents.agent import AgentTool, Context, Limits
from steps.agents.guard import Guards
from steps.document.concurrency import Concurrency
from steps.document.shape import EdgeDocument
from steps.models.headers import FurtherHeaders
from steps.models.options import Fallback, Reasoning

Name = Annotated[str, Field(examples=["Customer Onboarding"])]
Description = Annotated[str, Field(examples=["Asks a new customer for what is needed"])]
Steps = Annotated[
    list[dict[str, Any]], Field(examples=[[{"id": "end", "type": "end-flow", "result": {}}]])
]
Fields = Annotated[dict[str, Any], Field(examples=[{"email": {"type": "string"}}])]
Tools = list[AgentTool | str]
InitialStep = Annotated[str, Field(examples=["end"])]
Instructions = Annotated[str, Field(examples=["Answer questions about orders."])]
Warnings = Annotated[list[Problem], Field(description="possible mistakes")]


LabelTemplates = dict[str, Annotated[str, Field(description="a template over the run")]]


class _VersionHead(TypedDict):
    """What every answer about a version of a workflow or an agent has."""

    id: DefinitionId
    name: Name
    description: Description
    status: DefinitionStatus
    version: Version
    createdAt: Time


class DefinitionLine(_VersionHead):
    """A workflow or an agent in a list."""

    updatedAt: Time


class DefinitionVersion(_VersionHead):
    """A version of a workflow or an agent."""

    publishedAt: Time | None


_Finally = TypedDict("_Finally", {"finally": NotRequired[str | None]})
"""A key that is a reserved word in Python."""


class StoredWorkflow(DefinitionLine, _Finally):
    """A version of a workflow with its full definition."""

    initialStep: NotRequired[InitialStep]
    steps: Steps
    edges: NotRequired[list[EdgeDocument]]
    payload: NotRequired[Fields]
    timeout: NotRequired[str | None]
    onError: NotRequired[str | None]
    workflows: NotRequired[dict[str, Any]]
    constants: NotRequired[dict[str, Any]]
    defaults: NotRequired[dict[str, Any]]
    note: NotRequired[str | None]
    title: NotRequired[str | None]
    labels: NotRequired[LabelTemplates]
    concurrency: NotRequired[Concurrency | None]
    tool: NotRequired[bool]
    budget: NotRequired[float | None]
    maxStepExecutions: NotRequired[int]
    warnings: NotRequired[Warnings]


class StoredAgent(DefinitionLine):
    """A version of an agent with its full definition."""

    instructions: Instructions
    model: NotRequired[str | None]
    temperature: NotRequired[float | None]
    maxTokens: NotRequired[int | None]
    reasoning: NotRequired[Reasoning | None]
    fallback: NotRequired[Fallback]
    headers: NotRequired[FurtherHeaders]
    cache: NotRequired[bool]
    toolChoice: NotRequired[str | None]
    tools: NotRequired[Tools]
    output: NotRequired[Fields]
    limits: NotRequired[Limits]
    context: NotRequired[Context | None]
    handoffs: NotRequired[list[str]]
    guards: NotRequired[Guards | None]
    checks: NotRequired[list[str]]
    warnings: NotRequired[Warnings]


class _Changes(TypedDict, total=False):
    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc] # pydantic's way

    id: ByServer
    name: Name
    description: Description
    status: DefinitionStatus
    version: ByServer
    createdAt: TimeByServer
    updatedAt: TimeByServer
    publishedAt: TimeByServer | None
    warnings: Annotated[list[Problem], Field(description=IGNORED)]


class WorkflowChanges(_Changes, _Finally, total=False):
    """Changes for the next version of a workflow; fields left out stay as they are.

    A workflow can be sent back as it was shown: fields added by the server are ignored.
    """

    initialStep: str
    steps: list[dict[str, Any]]
    edges: list[EdgeDocument]
    payload: dict[str, Any]
    timeout: str | None
    onError: str | None
    workflows: dict[str, Any]
    constants: dict[str, Any]
    defaults: dict[str, Any]
    note: str | None
    title: str | None
    labels: LabelTemplates
    concurrency: Concurrency | None
    tool: bool
    budget: float | None
    maxStepExecutions: int


class AgentChanges(_Changes, total=False):
    """Changes for the next version of an agent; fields left out stay as they are.

    An agent can be sent back as it was shown: fields added by the server are ignored.
    """

    instructions: str
    model: str | None
    temperature: float | None
    maxTokens: int | None
    reasoning: Reasoning | None
    fallback: Fallback
    headers: FurtherHeaders
    cache: bool
    toolChoice: str | None
    tools: Tools
    output: dict[str, Any]
    limits: Limits
    context: Context | None
    handoffs: list[str]
    guards: Guards | None
    checks: list[str]


class InputSchema(TypedDict):
    """The inputs that a start of a workflow expects."""

    workflowId: DefinitionId
    payload: Annotated[
        dict[str, dict[str, Any]], Field(examples=[{"customerName": {"type": "string"}}])
    ]


class InputMetadata(TypedDict):
    """The inputs that a start expects."""

    success: Annotated[bool, Field(description="always true", examples=[True])]
    data: InputSchema


class LocatedProblem(Problem):
    """A problem in a text, with its location and line."""

    line: int


class CheckedText(TypedDict):
    """The results of checking a definition."""

    valid: bool
    problems: list[LocatedProblem]
    warnings: NotRequired[list[LocatedProblem]]
