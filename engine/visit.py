"""One time that a run is in one step."""

from dataclasses import dataclass, field
from enum import StrEnum

from engine.values import Json, Record, StepError


class VisitStatus(StrEnum):
    """How far one visit of a step has come."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"


@dataclass
class Visit:
    """One entry of a run's history: one time that the run was in one step.

    It changes while the run is in it, by `engine/apply.py`, and never after.

    Attributes:
        attempt: The number of the newest attempt.
        output: The step's whole output once it has completed.
        error: Why the newest failed attempt failed.
        retry_at_ms: When the next attempt is due, while the step backs off.
        records: What the step has finished of its work, by name, oldest first.
        children: How many child runs it has wanted so far.
        interruptions: How often the end of the process has cut off the newest attempt since it
            last got on with its work.
        attempted_at_ms: When the newest attempt began, where that is not the first.
        retried_by: For each attempt that failed by another than the step's first policy, which.
    """

    step_id: str
    visit: int
    step_type: str
    step_name: str | None
    status: VisitStatus
    attempt: int
    started_at_ms: int
    ended_at_ms: int | None = None
    output: Json = None
    error: StepError | None = None
    retry_at_ms: int | None = None
    records: dict[str, Record] = field(default_factory=dict)
    children: int = 0
    interruptions: int = 0
    attempted_at_ms: int | None = None
    retried_by: tuple[int, ...] = ()

    def attempt_of(self, policy: int) -> int:
        """Return the number of the newest attempt among those that a policy counts."""
        if policy:
            return self.retried_by.count(policy) + 1
        return self.attempt - len(self.retried_by)

    def copy(self) -> "Visit":
        """Return a copy that goes its own way."""
        copied = object.__new__(Visit)
        copied.__dict__.update(self.__dict__)
        copied.records = self.records.copy()
        return copied
