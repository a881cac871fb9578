"""The JSON of answers about schedules, triggers and signals, for the API description."""

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypeAliasType, TypedDict

from app.wire.answers.parts import DefinitionId, RunId, Time

Moment = Annotated[str, Field(examples=["2026-03-02T09:00:00+01:00"])]


Outcome = Literal[
    "started", "skipped", "queued", "failed", "sent", "repeated", "answered", "refused"
]
RunEnd = Literal["run.completed", "run.failed", "run.cancelled", "run.terminated"]


class FiringShown(TypedDict):
    """The outcome of one moment of a schedule, one request to a trigger, or one run end."""

    key: Moment
    at: Time
    outcome: Outcome
    runId: RunId | None
    message: str | None


class FiringList(TypedDict):
    """The outcomes of the newest moments, requests or run ends, newest first."""

    firings: list[FiringShown]


class ScheduleShown(TypedDict):
    """A schedule, its next five moments, and the outcome of the newest one."""

    id: Annotated[str, Field(examples=["daily-report"])]
    workflowId: DefinitionId
    version: str | None
    cron: Annotated[str, Field(examples=["0 9 * * 1-5"])]
    timeZone: Annotated[str, Field(examples=["Europe/Berlin"])]
    data: dict[str, Any]
    missed: Literal["skip", "last", "all"]
    mostMissed: int | None
    overlap: Literal["start", "skip", "queue", "cancel-old"]
    jitter: str | None
    enabled: bool
    upcoming: list[Moment]
    lastRunId: RunId | None
    lastFiring: FiringShown | None
    createdAt: Time
    updatedAt: Time


class SentSignal(TypedDict):
    """What happened to a signal: which runs took it, or that it waits for one."""

    deliveredTo: list[RunId]
    kept: bool
    duplicate: bool
    startedRunId: RunId | None


class SignalShown(TypedDict):
    """A signal that no run has taken yet."""

    name: Annotated[str, Field(examples=["payment"])]
    key: Annotated[str, Field(examples=["order-17"])]
    data: Any
    id: str | None
    sentAt: Time
    keptUntil: Time


class SignalList(TypedDict):
    """Signals that no run has taken yet."""

    signals: list[SignalShown]


class RequestShown(FiringShown):
    """A request to a trigger's address, without credentials."""

    method: Annotated[str, Field(examples=["POST"])]
    query: str
    headers: dict[str, Any]
    size: int
    body: str | None
    replayable: bool


class RequestAccepted(TypedDict):
    """The outcome of a request to a trigger's address."""

    requestId: Annotated[str, Field(examples=["req_5f0c"])]
    accepted: Annotated[bool, Field(description="false if its condition is false")]
    duplicate: Annotated[bool, Field(description="whether its idempotency key was used before")]
    runId: RunId | None


class _TriggerShown(TypedDict):
    id: Annotated[str, Field(examples=["pushes"])]
    url: Annotated[str | None, Field(description="its address, shown to operators and above")]
    version: str | None
    note: str | None
    enabled: bool
    lastFiring: FiringShown | None
    createdAt: Time
    updatedAt: Time


class VerifyShown(TypedDict):
    """How the sender of a request is verified."""

    preset: Annotated[str, Field(examples=["github"])]
    secret: str | None
    formerSecret: str | None
    header: str | None
    algorithm: str
    encoding: str
    prefix: str
    timestampHeader: str | None
    username: str | None
    tolerance: Annotated[str, Field(examples=["5m"])]


class SignalTargetShown(TypedDict):
    """The signal that a request sends."""

    name: Annotated[str, Field(examples=["payment"])]
    key: str
    keepFor: Annotated[str, Field(examples=["1h"])]
    to: Literal["one", "all"]


class EndSignalShown(TypedDict):
    """The signal that the end of a run sends."""

    name: Annotated[str, Field(examples=["part"])]
    key: str
    keepFor: Annotated[str, Field(examples=["1h"])]


class RequestTriggerShown(_TriggerShown):
    """A trigger on requests to an address."""

    kind: Literal["request"]
    on: Literal["request"]
    workflowId: DefinitionId | None
    signal: SignalTargetShown | None
    verify: VerifyShown
    methods: list[Annotated[str, Field(examples=["POST"])]]
    when: str | None
    data: Any
    idempotencyKey: str | None
    respond: Literal["200", "202", "204", "result"]
    wait: str | None
    maxBytes: int
    perSecond: float


class RunTriggerShown(_TriggerShown):
    """A trigger on the ends of runs."""

    kind: Literal["run"]
    on: list[RunEnd]
    workflowId: DefinitionId
    signal: EndSignalShown | None
    workflows: list[DefinitionId] | None
    errorTypes: list[str] | None
    when: str | None
    data: dict[str, Any]


class FormTriggerShown(_TriggerShown):
    """A web form for a workflow, open to anybody with its link."""

    kind: Literal["form"]
    on: Literal["form"]
    workflowId: DefinitionId
    title: str | None
    text: str | None
    button: str
    thanks: str
    data: dict[str, Any]
    until: Time | None
    perSecond: float


TriggerShown = TypeAliasType(
    "TriggerShown", RequestTriggerShown | RunTriggerShown | FormTriggerShown
)
