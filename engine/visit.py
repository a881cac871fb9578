"""One visit of a run to a step."""

from dataclasses import dataclass, field
from enum import StrEnum

from engine.value import value
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


@value(frozen=True, slots=True)
class VisitAnswer:
    """An answer of a person to a question of the step, as it was sent."""

    at_ms: int
    caller: str
    answer: Json


_RUNNING = VisitStatus.RUNNING  # as in `decide`


@dataclass
class Visit:
    """One entry of a run's history: one visit of the run to a step.

    It changes while the run is in the step, through `engine/apply.py`, and never afterwards.

    Attributes:
        attempt: The number of the newest attempt.
        output: The step's whole output, after it has completed.
        error: Why the newest failed attempt failed.
        retry_at_ms: When the next attempt is due, while the step backs off.
        records: The finished parts of the step's work, by name, oldest first.
        children: How many child runs it has requested so far.
        interruptions: How often the end of the process has interrupted the newest attempt since its
            last progress.
        attempted_at_ms: When the newest attempt began, if it is not the first.
        retried_by: The number of the policy, for each attempt that failed under another policy than
            the step's first.
        answers: What people answered, oldest first.
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
    answers: tuple[VisitAnswer, ...] = ()

    @staticmethod
    def entered(
        step_id: str, number: int, step_type: str, step_name: str | None, at_ms: int
    ) -> "Visit":
        """Return a visit whose first attempt begins; what has its default is left to the class."""
        visit = object.__new__(Visit)
        visit.step_id, visit.visit = step_id, number
        visit.step_type, visit.step_name = step_type, step_name
        visit.status, visit.attempt, visit.started_at_ms = _RUNNING, 1, at_ms
        visit.records = {}
        return visit

    def attempt_of(self, policy: int) -> int:
        """Return the number of the newest attempt among those that a policy counts."""
        if policy:
            return self.retried_by.count(policy) + 1
        return self.attempt - len(self.retried_by)

    def copy(self) -> "Visit":
        """Return an independent copy."""
        copied = object.__new__(Visit)
        copied.__dict__.update(self.__dict__)
        copied.records = self.records.copy()
        return copied
