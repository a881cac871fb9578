"""The client of a Stepwell server: `Client` for threads, `AsyncClient` for asyncio."""

from stepwell.asynchronous import AsyncClient, AsyncRun
from stepwell.blocking import Client, Run
from stepwell.documents import Event, HistoryEntry, PauseSignal, RunError, RunLine, RunStatus
from stepwell.errors import (
    ApiError,
    NoCredentials,
    NotPaused,
    RunCancelled,
    RunFailed,
    RunTerminated,
    StepwellError,
    Unanswered,
    WaitTimeout,
)

__all__ = [
    "ApiError",
    "AsyncClient",
    "AsyncRun",
    "Client",
    "Event",
    "HistoryEntry",
    "NoCredentials",
    "NotPaused",
    "PauseSignal",
    "Run",
    "RunCancelled",
    "RunError",
    "RunFailed",
    "RunLine",
    "RunStatus",
    "RunTerminated",
    "StepwellError",
    "Unanswered",
    "WaitTimeout",
]
