"""The events of a run's history: one frozen dataclass for each kind of transition.

Every event has its time (`at_ms`, Unix milliseconds). Every step event names the step and its visit
(1 for the first time the run enters the step, 2 for the second, ...), so that a history could hold
several positions without being rewritten. The journal encodes events as JSON; nothing does so here.
"""

from dataclasses import field
from typing import TypeAlias, get_args

from engine.pause_events import PauseChanged, RunPaused, RunResumed
from engine.repair_events import (
    DataChanged,
    RepairEvent,
    RunHeld,
    RunReleased,
)
from engine.value import value
from engine.values import (
    CarriedVisit,
    Ending,
    Json,
    JsonObject,
    Origin,
    Parent,
    Place,
    RunError,
    Starter,
    StepError,
)


@value(frozen=True, slots=True)
class RunStarted:
    """The run exists, pinned to one version of its workflow.

    Attributes:
        origin: The run that this run repeats, for a rerun. The steps before `first_step` are then
            not executed again: `outputs` holds what they had delivered, by step id, and `caught` is
            the error that the last `on: "error"` edge had caught, in step `caught_in`.
        vars: The tenant's variables that the workflow uses, with their values at the start.
        carried: The visits of those steps, oldest first; of a long past only the newest.
        visits: How often each step had been entered by then; visit numbers continue from there.
        body: The body of the workflow's document that the run executes; empty for the whole
            document.
        deadline_ms: When the run must have ended, apart from its handlers; None: no deadline.
        handler: The handler in which the run begins, for a rerun from a step of a handler.
        ending: How such a run ends after its `finally`.
        starter: The run that started it without waiting for it.
        inherits: Whether `data` is merged over the data that the parent had in the step that
            started this run. This history does not store a copy of the parent's data.
        inherited: The parent's data, once it has been looked up; it is never stored.
    """

    at_ms: int
    run_id: str
    workflow_id: str
    version: str
    first_step: str
    data: JsonObject
    context: JsonObject = field(default_factory=dict)
    caller: str = ""
    parent: Parent | None = None
    origin: Origin | None = None
    outputs: JsonObject = field(default_factory=dict)
    caught: StepError | None = None
    carried: tuple[CarriedVisit, ...] = ()
    visits: dict[str, int] = field(default_factory=dict)
    caught_in: str | None = None
    vars: JsonObject = field(default_factory=dict)
    body: str = ""
    deadline_ms: int | None = None
    handler: str = ""
    ending: Ending | None = None
    starter: Starter | None = None
    inherits: bool = False
    inherited: JsonObject = field(default_factory=dict)

    @property
    def whole_data(self) -> JsonObject:
        """The data with which the run begins."""
        return {**self.inherited, **self.data} if self.inherits else self.data


@value(frozen=True, slots=True)
class RunQueued:
    """The run waits for a place before it begins."""

    at_ms: int
    place: Place


@value(frozen=True, slots=True)
class RunAdmitted:
    """The run is admitted and begins; it holds its place until it ends.

    `deadline_ms` is as in `RunStarted`.
    """

    at_ms: int
    deadline_ms: int | None = None


@value(frozen=True, slots=True)
class StepStarted:
    """An attempt of a step begins; attempt 1 starts a new visit."""

    at_ms: int
    step_id: str
    visit: int
    attempt: int
    step_type: str
    step_name: str | None = None


@value(frozen=True, slots=True)
class AttemptFailed:
    """An attempt failed and another follows at `retry_at_ms`.

    Attributes:
        policy: The number of the step's retry policy that allows the next attempt, from 0.
    """

    at_ms: int
    step_id: str
    visit: int
    attempt: int
    error: StepError
    retry_at_ms: int
    policy: int = 0


@value(frozen=True, slots=True)
class AttemptInterrupted:
    """A restart found the attempt in flight; the same attempt is executed again.

    Attributes:
        in_order: True after an orderly stop of the server, which is no evidence against the step.
    """

    at_ms: int
    step_id: str
    visit: int
    attempt: int
    in_order: bool = False


@value(frozen=True, slots=True)
class StepRecorded:
    """The step has finished a part of its work, which is never repeated in this visit."""

    at_ms: int
    step_id: str
    visit: int
    name: str
    value: Json


@value(frozen=True, slots=True)
class ChildrenAwaited:
    """The step waits for child runs (`total` so far), until `deadline_ms` if that is set."""

    at_ms: int
    step_id: str
    visit: int
    total: int
    deadline_ms: int | None = None


@value(frozen=True, slots=True)
class ChildrenResumed:
    """A child run that was waiting for a person continues, and so does the step.

    Attributes:
        key: The idempotency key of the answer, if the answer came through this run with a key.
        fingerprint: A fingerprint of the answer for which the key was used.
    """

    at_ms: int
    step_id: str
    visit: int
    key: str = ""
    fingerprint: str = ""


@value(frozen=True, slots=True)
class ChildrenLeft:
    """The step has cancelled its child runs and waits until `until_ms` for them to stop.

    Attributes:
        error: Why the attempt failed; None if a cancel was requested.
    """

    at_ms: int
    step_id: str
    visit: int
    until_ms: int
    error: StepError | None = None


@value(frozen=True, slots=True)
class ParentWentOn:
    """The step that started this run no longer waits for it; the run continues by itself."""

    at_ms: int


@value(frozen=True, slots=True)
class StepSlept:
    """The step sleeps and completes at `until_ms`."""

    at_ms: int
    step_id: str
    visit: int
    until_ms: int


@value(frozen=True, slots=True)
class StepCompleted:
    """The step delivered.

    Attributes:
        output: The whole output, available as `steps["id"].output` from now on.
        data: The declared output fields, merged over the run's data.
        next_step: The target of the chosen edge; None when the run ends here.
        appended: The items appended to lists in the run's data, one list for each name.
        removed: The names removed from the run's data before anything is appended.
    """

    at_ms: int
    step_id: str
    visit: int
    output: Json
    data: JsonObject
    next_step: str | None
    appended: dict[str, list[Json]] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)


@value(frozen=True, slots=True)
class StepFailed:
    """The step failed for good; `next_step` is set when an `on: "error"` edge catches it."""

    at_ms: int
    step_id: str
    visit: int
    error: StepError
    next_step: str | None = None


@value(frozen=True, slots=True)
class StepTimedOut:
    """Nobody answered before the deadline; the run takes the `on: "timeout"` edge.

    Attributes:
        output: The signals that had arrived by then, for a step that gathers signals.
    """

    at_ms: int
    step_id: str
    visit: int
    next_step: str | None = None
    output: Json = None


@value(frozen=True, slots=True)
class StepCancelled:
    """The step was stopped by a cancel; `next_step` is set for an `on: "cancel"` edge."""

    at_ms: int
    step_id: str
    visit: int
    next_step: str | None = None


@value(frozen=True, slots=True)
class CancelRequested:
    """Somebody requested a cancel: no new step starts, except for clean-up."""

    at_ms: int
    reason: str | None = None
    caller: str = ""


@value(frozen=True, slots=True)
class RunOverdue:
    """The run exceeded its `timeout`: from now on only steps of its handlers start."""

    at_ms: int


@value(frozen=True, slots=True)
class HandlerEntered:
    """The run would have ended but first enters one of its handlers.

    Attributes:
        handler: `onError` or `finally`.
        next_step: The first step of the handler.
        ending: How the run would have ended.
    """

    at_ms: int
    handler: str
    next_step: str
    ending: Ending


@value(frozen=True, slots=True)
class RunCompleted:
    """The run completed."""

    at_ms: int
    result: Json


@value(frozen=True, slots=True)
class RunFailed:
    """The run ended in an error that no edge caught."""

    at_ms: int
    error: RunError


@value(frozen=True, slots=True)
class RunCancelled:
    """The run ended because of a cancel; `error` is why its clean-up did not reach its end."""

    at_ms: int
    error: RunError | None = None


@value(frozen=True, slots=True)
class RunTerminated:
    """The run was ended at once, in whatever state it was."""

    at_ms: int
    reason: str | None = None
    caller: str = ""


VisitEvent: TypeAlias = (
    AttemptFailed
    | AttemptInterrupted
    | StepRecorded
    | ChildrenAwaited
    | ChildrenResumed
    | ChildrenLeft
    | StepSlept
    | RunPaused
    | PauseChanged
    | RunResumed
    | StepCompleted
    | StepFailed
    | StepTimedOut
    | StepCancelled
)
"""The step events of the run's current visit."""

Event: TypeAlias = (
    RunStarted
    | RunQueued
    | RunAdmitted
    | StepStarted
    | VisitEvent
    | ParentWentOn
    | CancelRequested
    | RunOverdue
    | HandlerEntered
    | RunCompleted
    | RunFailed
    | RunCancelled
    | RunTerminated
    | RepairEvent
    | DataChanged
    | RunHeld
    | RunReleased
)

EVENT_TYPES: tuple[type[Event], ...] = get_args(Event)
ENDS: frozenset[type[Event]] = frozenset({RunCompleted, RunFailed, RunCancelled, RunTerminated})
