"""What the server answers, typed; `document` always has all of it as it came."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

Document = Mapping[str, Any]
StatusName = Literal["running", "paused", "completed", "failed", "cancelled", "terminated"]
ENDED = ("completed", "failed", "cancelled", "terminated")


@dataclass(frozen=True, slots=True)
class PauseSignal:
    """What a run waits for.

    Attributes:
        run_id: The child run that asks, where it is one.
    """

    type: str
    step_id: str | None
    action_id: str | None
    run_id: str | None
    document: Document

    @classmethod
    def of(cls, found: Document) -> Self:
        """Return the signal of a document."""
        return cls(
            type=found["type"],
            step_id=found.get("stepId"),
            action_id=found.get("actionId"),
            run_id=found.get("runId"),
            document=found,
        )


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A visit of a step; times are ISO texts, `duration_ms` is None until it has ended."""

    step_id: str
    step_type: str
    status: str
    visit: int
    attempt: int
    start_time: str
    end_time: str | None
    duration_ms: int | None
    output: Any
    error: Document | None
    document: Document

    @classmethod
    def of(cls, found: Document) -> Self:
        """Return the entry of a document."""
        return cls(
            step_id=found["stepId"],
            step_type=found["stepType"],
            status=found["status"],
            visit=found.get("visit", 1),
            attempt=found.get("attempt", 1),
            start_time=found["startTime"],
            end_time=found.get("endTime"),
            duration_ms=found.get("duration"),
            output=found.get("outputData"),
            error=found.get("error"),
            document=found,
        )


@dataclass(frozen=True, slots=True)
class RunError:
    """Why a run failed."""

    type: str
    message: str
    step_id: str | None

    @classmethod
    def of(cls, found: Document) -> Self:
        """Return the error of a document."""
        return cls(str(found["type"]), str(found["message"]), found.get("stepId"))


@dataclass(frozen=True, slots=True)
class RunStatus:
    """How a run stands."""

    run_id: str
    workflow_id: str
    version: str
    status: StatusName
    current_step_id: str | None
    pause: PauseSignal | None
    data: Document
    history: tuple[HistoryEntry, ...]
    result: Any
    error: RunError | None
    reason: str | None
    cancel_requested: bool
    start_time: str
    end_time: str | None
    document: Document

    @property
    def has_ended(self) -> bool:
        """Say whether nothing more will happen."""
        return self.status in ENDED

    @classmethod
    def of(cls, found: Document) -> Self:
        """Return the status of a document."""
        signal, error = found.get("pauseSignal"), found.get("error")
        return cls(
            run_id=found["runId"],
            workflow_id=found["workflowId"],
            version=found["version"],
            status=found["status"],
            current_step_id=found.get("currentStepId"),
            pause=PauseSignal.of(signal) if signal else None,
            data=found["data"],
            history=tuple(HistoryEntry.of(entry) for entry in found["stepExecutionHistory"]),
            result=found.get("result"),
            error=RunError.of(error) if error else None,
            reason=found.get("reason"),
            cancel_requested=bool(found.get("cancelRequested")),
            start_time=found["startTime"],
            end_time=found.get("endTime"),
            document=found,
        )


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run as lists have it."""

    run_id: str
    workflow_id: str
    version: str
    status: StatusName
    current_step_id: str | None
    parent_run_id: str | None
    start_time: str
    document: Document

    @classmethod
    def of(cls, found: Document) -> Self:
        """Return the line of a document."""
        return cls(
            run_id=found["runId"],
            workflow_id=found["workflowId"],
            version=found["version"],
            status=found["status"],
            current_step_id=found.get("currentStepId"),
            parent_run_id=found.get("parentRunId"),
            start_time=found["startTime"],
            document=found,
        )


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, on disk before it is told.

    Attributes:
        position: Its place among all events of the server; grows, with gaps.
        status: The run's new status, where the event changes it.
    """

    position: int
    type: str
    time: str
    run_id: str
    step_id: str | None
    status: StatusName | None
    document: Document

    @classmethod
    def of(cls, found: Document) -> Self:
        """Return the event of a document."""
        return cls(
            position=int(found["position"]),
            type=found["type"],
            time=found["time"],
            run_id=found["runId"],
            step_id=found.get("stepId"),
            status=found.get("status"),
            document=found,
        )
