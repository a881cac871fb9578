"""The JSON of answers about models: what was said, and what it cost."""

from typing import Any, NotRequired

from typing_extensions import TypedDict

from app.wire.answer_parts import RunId, StepId


class Spent(TypedDict):
    """What models were asked for, added up; `cost` is in the currency of the prices."""

    calls: int
    estimated: int
    inputTokens: int
    cachedTokens: int
    outputTokens: int
    cost: float


class SpentLine(Spent):
    """The same of a day, a workflow, an agent or a model."""

    day: NotRequired[str]
    workflowId: NotRequired[str]
    agentId: NotRequired[str]
    model: NotRequired[str]


class ModelUsage(TypedDict):
    """What models have cost in some days."""

    since: str
    until: str
    total: Spent
    usage: list[SpentLine]


class MonthBudget(TypedDict):
    """A budget of a month; `workflowId` is null for the tenant's."""

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
