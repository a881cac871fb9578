"""The JSON of answers about what starts runs, as the API's description shows it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from app.wire.answers import DefinitionId, RunId, Time

Moment = Annotated[str, Field(examples=["2026-03-02T09:00:00+01:00"])]


class FiringShown(BaseModel):
    """What came of one moment."""

    key: Moment
    at: Time
    outcome: Literal["started", "skipped", "queued", "failed"]
    runId: RunId | None  # noqa: N815 - the API's words
    message: str | None


class FiringList(BaseModel):
    """What came of the newest moments, newest first."""

    firings: list[FiringShown]


class ScheduleShown(BaseModel):
    """A schedule, its next five moments, and what came of the newest one."""

    id: Annotated[str, Field(examples=["daily-report"])]
    workflowId: DefinitionId  # noqa: N815
    version: str | None
    cron: Annotated[str, Field(examples=["0 9 * * 1-5"])]
    timeZone: Annotated[str, Field(examples=["Europe/Berlin"])]  # noqa: N815
    data: dict[str, Any]
    missed: Literal["skip", "last", "all"]
    mostMissed: int | None  # noqa: N815
    overlap: Literal["start", "skip", "queue", "cancel-old"]
    jitter: str | None
    enabled: bool
    upcoming: list[Moment]
    lastRunId: RunId | None  # noqa: N815
    lastFiring: FiringShown | None  # noqa: N815
    createdAt: Time  # noqa: N815
    updatedAt: Time  # noqa: N815
