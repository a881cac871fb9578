"""The JSON of answers about models: what was said, and what it cost."""

from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from app.wire.answers.parts import RunId, StepId


class Spent(TypedDict):
    """The total use of models; `cost` is in the currency of the prices."""

    calls: int
    estimated: int
    inputTokens: int
    cachedTokens: int
    outputTokens: int
    cost: float


class SpentLine(Spent):
    """The use of models for one day, workflow, agent or model."""

    day: NotRequired[str]
    workflowId: NotRequired[str]
    agentId: NotRequired[str]
    model: NotRequired[str]


class ModelUsage(TypedDict):
    """What models have cost within a period."""

    since: str
    until: str
    total: Spent
    usage: list[SpentLine]


class MonthBudget(TypedDict):
    """A monthly budget; `workflowId` is null for the tenant's own."""

    workflowId: str | None
    month: float
    spent: float


class BudgetList(TypedDict):
    """The budgets of a tenant."""

    budgets: list[MonthBudget]


class Conversation(TypedDict):
    """What was said in one visit of a step."""

    stepId: StepId
    visit: int
    stepType: str
    status: str
    agent: dict[str, Any] | None
    usage: dict[str, Any] | None
    messages: list[dict[str, Any]]


class Transcript(TypedDict):
    """What models, tools and people have said in a run."""

    runId: RunId
    visits: list[Conversation]


class Change(TypedDict):
    """A difference between the results."""

    path: Annotated[str, Field(examples=["output.answer"])]
    before: Any
    after: Any


class ReplayedVisit(TypedDict):
    """One of the two visits being compared."""

    status: str
    output: Any
    error: dict[str, Any] | None
    turns: int
    questions: int
    calls: list[dict[str, Any]]
    tokens: int
    cost: float | None
    modelMs: int
    recorded: NotRequired[dict[str, int]]


class ReplayOf(TypedDict):
    """The visit that was replayed."""

    runId: RunId
    stepId: StepId
    visit: int


class Comparison(TypedDict):
    """A replay next to its original; `after` is null until the replay has begun."""

    runId: RunId
    status: str
    of: ReplayOf
    agentVersion: str | None
    model: str | None
    before: ReplayedVisit
    after: ReplayedVisit | None
    same: bool
    changes: list[Change]


class AgentOutcome(TypedDict):
    """The result of an agent; `data` is null while it works, waits or after it failed."""

    runId: RunId
    status: str
    data: Any
    threadId: str
    error: NotRequired[dict[str, Any] | None]
    currentStepId: NotRequired[StepId | None]
    pauseSignal: NotRequired[dict[str, Any] | None]


class ToolOutcome(TypedDict):
    """The result of a tool, or the reason why there is none."""

    success: bool
    data: NotRequired[Any]
    error: NotRequired[dict[str, Any] | None]


class Said(TypedDict):
    """A question to an agent and its answer."""

    number: int
    runId: RunId
    message: str
    answer: str
    at: str


class ThreadState(TypedDict):
    """A conversation of an agent."""

    threadId: str
    agentId: str
    createdAt: str
    updatedAt: str
    exchanges: list[Said]
