"""The answer of the overview, for the API description."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from app.wire.answers.parts import DefinitionId, ErrorType, RunId, StepId, Time
from app.wire.answers.runs import Title


class FailureCount(TypedDict):
    """How many runs failed in the same step with the same type of error."""

    workflowId: DefinitionId
    stepId: StepId | None
    errorType: ErrorType
    runs: int
    newestRunId: RunId
    newestEndTime: Time


class OldestPause(TypedDict):
    """The earliest started run among those that wait for a person."""

    runId: RunId
    title: Title | None
    workflowId: DefinitionId
    stepId: StepId
    since: Time


class WaitingRetry(TypedDict):
    """A run that waits for another attempt of a step."""

    runId: RunId
    title: Title | None
    workflowId: DefinitionId
    stepId: StepId
    dueAt: Time
    attempt: NotRequired[int]


class FailingWebhook(TypedDict):
    """A webhook whose receiver does not accept its messages."""

    id: Annotated[str, Field(examples=["wh_1"])]
    name: Annotated[str, Field(examples=["Billing"])]


class NotStarted(TypedDict):
    """Moments of a schedule or trigger that started nothing."""

    source: Annotated[str, Field(examples=["schedule:daily-report"])]
    outcome: Literal["skipped", "failed"]
    count: int
    newest: Time
    message: str | None


class MonthSpent(TypedDict):
    """The use of models in this month, and its cost."""

    calls: int
    cost: Any


class SpanCounts(TypedDict):
    """The runs that started in one part of the period, by their status now."""

    since: Time
    until: Time
    runs: Annotated[dict[str, Annotated[int, Field(ge=1)]], Field(examples=[{"completed": 3}])]


class OverviewAnswer(TypedDict):
    """The state of the runs, webhooks and spending of a tenant."""

    since: Time
    runs: Annotated[dict[str, Annotated[int, Field(ge=0)]], Field(examples=[{"completed": 12}])]
    mostCounted: Annotated[
        int, Field(description="the number up to which runs of one status are counted")
    ]
    spans: Annotated[
        list[SpanCounts],
        Field(description="the period in parts: of 5 minutes, an hour or 12 hours"),
    ]
    mostCountedOfSpan: Annotated[
        int, Field(description="the number up to which runs of one status are counted in a part")
    ]
    failures: list[FailureCount]
    oldestPause: OldestPause | None
    retries: list[WaitingRetry]
    failingWebhooks: Annotated[list[FailingWebhook], Field(description="for admins and owners")]
    notStarted: list[NotStarted]
    month: MonthSpent


class StepCounts(TypedDict):
    """The number of runs in one step."""

    stepId: StepId
    here: Annotated[int, Field(description="runs that are in the step now")]
    failed: int


class EndedRuns(TypedDict):
    """How many runs ended with each status."""

    completed: int
    failed: int
    cancelled: int
    terminated: int


class WorkflowStatistics(TypedDict):
    """Statistics about the runs of a workflow."""

    since: Time
    runs: EndedRuns
    mostCounted: Annotated[
        int, Field(description="the number up to which runs of one status are counted")
    ]
    successRate: Annotated[
        float | None, Field(description="of those that completed or failed", examples=[0.98])
    ]
    medianDuration: Annotated[int | None, Field(description="of completed runs, milliseconds")]
    p95Duration: Annotated[
        int | None, Field(description="milliseconds within which 95 of 100 completed runs ended")
    ]
    steps: list[StepCounts]
