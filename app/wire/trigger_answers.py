"""The JSON of answers about what starts runs, as the API's description shows it."""

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from app.wire.answer_parts import DefinitionId, RunId, Time

Moment = Annotated[str, Field(examples=["2026-03-02T09:00:00+01:00"])]


class FiringShown(TypedDict):
    """What came of one moment."""

    key: Moment
    at: Time
    outcome: Literal["started", "skipped", "queued", "failed"]
    runId: RunId | None
    message: str | None


class FiringList(TypedDict):
    """What came of the newest moments, newest first."""

    firings: list[FiringShown]


class ScheduleShown(TypedDict):
    """A schedule, its next five moments, and what came of the newest one."""

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
    """What became of a signal: the runs that have taken it, or that it waits for one."""

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
