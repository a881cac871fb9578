"""The states of a run, and every legal move between them."""

from collections.abc import Mapping
from enum import StrEnum

from engine.events import (
    AttemptFailed,
    AttemptInterrupted,
    CancelRequested,
    ChildrenAwaited,
    ChildrenLeft,
    ChildrenResumed,
    Event,
    HandlerEntered,
    ParentWentOn,
    RunAdmitted,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunOverdue,
    RunQueued,
    RunStarted,
    RunTerminated,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepRecorded,
    StepSlept,
    StepStarted,
    StepTimedOut,
)
from engine.pause_events import PauseChanged, RunPaused, RunResumed
from engine.repair_events import (
    DataChanged,
    RunHeld,
    RunReleased,
    StepGivenUp,
    StepSkipped,
    WaitEnded,
)


class Status(StrEnum):
    """A run's status as clients see it."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"

    @property
    def is_over(self) -> bool:
        """True when no event can follow."""
        return self not in (Status.RUNNING, Status.PAUSED)


class State(StrEnum):
    """The run's position, in more detail than `Status`."""

    NEW = "new"
    QUEUED = "queued"
    READY = "ready"
    EXECUTING = "executing"
    BACKING_OFF = "backing_off"
    SLEEPING = "sleeping"
    AWAITING_CHILDREN = "awaiting"
    STOPPING_CHILDREN = "stopping"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"

    status: Status
    """The status that clients see."""

    is_over: bool
    """True when no event can follow."""


_STATUS = {State(s.value): s for s in Status if s is not Status.RUNNING}
for _state in State:  # attributes, because hot paths read them
    _state.status = _STATUS.get(_state, Status.RUNNING)
    _state.is_over = _state.status.is_over

_LIVE = (
    State.QUEUED,
    State.READY,
    State.EXECUTING,
    State.BACKING_OFF,
    State.SLEEPING,
    State.AWAITING_CHILDREN,
    State.STOPPING_CHILDREN,
    State.PAUSED,
)
_IN_STEP = _LIVE[2:]
_AT_REST = (State.QUEUED, State.READY, State.BACKING_OFF, State.SLEEPING, State.PAUSED)
"""States in which no step is executing, so that a change interrupts no work."""

_WAITING = (State.BACKING_OFF, State.SLEEPING)

TRANSITIONS: Mapping[tuple[State, type[Event]], State] = {
    (State.NEW, RunStarted): State.READY,
    (State.READY, RunQueued): State.QUEUED,
    (State.QUEUED, RunAdmitted): State.READY,
    (State.QUEUED, RunCancelled): State.CANCELLED,
    (State.QUEUED, RunFailed): State.FAILED,
    (State.READY, StepStarted): State.EXECUTING,
    (State.BACKING_OFF, StepStarted): State.EXECUTING,
    (State.EXECUTING, AttemptFailed): State.BACKING_OFF,
    (State.EXECUTING, AttemptInterrupted): State.EXECUTING,
    (State.EXECUTING, StepRecorded): State.EXECUTING,
    (State.EXECUTING, StepSlept): State.SLEEPING,
    (State.EXECUTING, ChildrenAwaited): State.AWAITING_CHILDREN,
    (State.AWAITING_CHILDREN, RunPaused): State.PAUSED,
    (State.AWAITING_CHILDREN, StepSlept): State.SLEEPING,
    (State.PAUSED, ChildrenResumed): State.AWAITING_CHILDREN,
    (State.AWAITING_CHILDREN, StepRecorded): State.EXECUTING,
    (State.AWAITING_CHILDREN, AttemptFailed): State.BACKING_OFF,
    (State.AWAITING_CHILDREN, StepCompleted): State.READY,
    (State.AWAITING_CHILDREN, StepFailed): State.READY,
    (State.EXECUTING, ChildrenLeft): State.STOPPING_CHILDREN,
    (State.AWAITING_CHILDREN, ChildrenLeft): State.STOPPING_CHILDREN,
    (State.STOPPING_CHILDREN, AttemptFailed): State.BACKING_OFF,
    (State.STOPPING_CHILDREN, StepFailed): State.READY,
    (State.EXECUTING, RunPaused): State.PAUSED,
    (State.PAUSED, PauseChanged): State.PAUSED,
    (State.PAUSED, RunResumed): State.EXECUTING,
    (State.EXECUTING, StepCompleted): State.READY,
    (State.SLEEPING, StepCompleted): State.READY,
    (State.EXECUTING, StepFailed): State.READY,
    (State.PAUSED, StepFailed): State.READY,
    (State.PAUSED, StepTimedOut): State.READY,
    **{(state, StepCancelled): State.READY for state in _IN_STEP},
    **{(state, ParentWentOn): state for state in _LIVE},
    **{(state, CancelRequested): state for state in _LIVE},
    **{(state, RunOverdue): state for state in _LIVE},
    (State.READY, HandlerEntered): State.READY,
    (State.READY, RunCompleted): State.COMPLETED,
    (State.READY, RunFailed): State.FAILED,
    (State.READY, RunCancelled): State.CANCELLED,
    **{(state, RunTerminated): State.TERMINATED for state in _LIVE},
    **{(state, WaitEnded): state for state in _WAITING},
    **{(state, StepGivenUp): State.EXECUTING for state in _WAITING},
    **{(state, StepSkipped): State.EXECUTING for state in (*_WAITING, State.PAUSED)},
    **{(state, DataChanged): state for state in _AT_REST},
    **{(state, RunHeld): state for state in _LIVE},
    **{(state, RunReleased): state for state in _LIVE},
    (State.PAUSED, RunPaused): State.PAUSED,
}
"""Every legal move: (state, event) -> state."""
