"""The facts of which a run's history consists, one frozen dataclass a transition.

Every event names its moment (`at_ms`, Unix milliseconds). Every step event names the step
and its visit (1 for the first time the run enters the step, 2 for the second, ...), so that
a history could carry several positions without being rewritten. No JSON here: the journal
encodes events.
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
        origin: The run of which this is a rerun. The steps before `first_step` are not done
            again then: `outputs` is what they had delivered, by step id, and `caught` the
            error that the last `on: "error"` edge had caught, in step `caught_in`.
        vars: The tenant's variables that the workflow uses, as they were when the run began.
        carried: Their visits, oldest first, of a long past the newest.
        visits: How often each step had been entered by then; the numbers of visits go on
            from there.
        body: Which body of the workflow's document the run is of; empty for the whole document.
        deadline_ms: By when it is to have ended, but for its handlers; None: whenever.
        handler: The handler in which it begins, where it is a rerun from a step of that.
        ending: How it ends then once its `finally` has.
        starter: The run that started it without waiting for it.
        inherits: Whether `data` comes over the data that its parent had in the step that started
            it, of which this history keeps no copy.
        inherited: That data, once somebody has looked it up; no part of what is kept.
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
        """The data that the run begins with."""
        return {**self.inherited, **self.data} if self.inherits else self.data


@value(frozen=True, slots=True)
class RunQueued:
    """The run waits for a place before it begins."""

    at_ms: int
    place: Place


@value(frozen=True, slots=True)
class RunAdmitted:
    """The run has its place until it ends, and begins; `deadline_ms` as in `RunStarted`."""

    at_ms: int
    deadline_ms: int | None = None


@value(frozen=True, slots=True)
class StepStarted:
    """An attempt of a step begins; attempt 1 opens a new visit."""

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
        policy: Which of the step's policies says so, from 0.
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
    """A restart found the attempt in flight; the same attempt runs again.

    Attributes:
        in_order: True when the server had been stopped in good order, which says nothing
            against the step.
    """

    at_ms: int
    step_id: str
    visit: int
    attempt: int
    in_order: bool = False


@value(frozen=True, slots=True)
class StepRecorded:
    """The step has finished a part of its work, which is never done again in this visit."""

    at_ms: int
    step_id: str
    visit: int
    name: str
    value: Json


@value(frozen=True, slots=True)
class ChildrenAwaited:
    """The step waits for child runs, `total` so far, until `deadline_ms` if that is set."""

    at_ms: int
    step_id: str
    visit: int
    total: int
    deadline_ms: int | None = None


@value(frozen=True, slots=True)
class ChildrenResumed:
    """A child run that waited for a person goes on, and so does the step.

    Attributes:
        key: The idempotency key of the answer, if one came through this run with a key.
        fingerprint: What the key was used for.
    """

    at_ms: int
    step_id: str
    visit: int
    key: str = ""
    fingerprint: str = ""


@value(frozen=True, slots=True)
class ChildrenLeft:
    """The step wants its child runs no more, and waits for them to stop, until `until_ms`.

    Attributes:
        error: Why the attempt has failed; None where a cancel was asked for.
    """

    at_ms: int
    step_id: str
    visit: int
    until_ms: int
    error: StepError | None = None


@value(frozen=True, slots=True)
class ParentWentOn:
    """The step that had started this run waits for it no more, and leaves it to go on."""

    at_ms: int


@value(frozen=True, slots=True)
class StepSlept:
    """The step waits for a moment: it completes at `until_ms`."""

    at_ms: int
    step_id: str
    visit: int
    until_ms: int


@value(frozen=True, slots=True)
class StepCompleted:
    """The step delivered.

    Attributes:
        output: The whole output, at `steps["id"].output` from now on.
        data: The declared output fields, merged over the run's data.
        next_step: Where the chosen edge leads; None when the run ends here.
        appended: What is put at the end of lists in the run's data, a list for each name.
        removed: The names that are taken out of the run's data, before anything is put there.
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
    """Nobody answered before the deadline; the `on: "timeout"` edge is taken.

    Attributes:
        output: What had come by then, where the step gathers signals.
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
    """Somebody asked for the run to stop: no new step starts, but for clean-up."""

    at_ms: int
    reason: str | None = None
    caller: str = ""


@value(frozen=True, slots=True)
class RunOverdue:
    """The run has taken longer than its `timeout`: only steps of its handlers start now."""

    at_ms: int


@value(frozen=True, slots=True)
class HandlerEntered:
    """The run would have ended, and goes on with one of its handlers.

    Attributes:
        handler: `onError` or `finally`.
        next_step: The step that it begins with.
        ending: How the run would have ended.
    """

    at_ms: int
    handler: str
    next_step: str
    ending: Ending


@value(frozen=True, slots=True)
class RunCompleted:
    """The run reached an end."""

    at_ms: int
    result: Json


@value(frozen=True, slots=True)
class RunFailed:
    """The run ended in an error that no edge caught."""

    at_ms: int
    error: RunError


@value(frozen=True, slots=True)
class RunCancelled:
    """The run ended because a cancel was asked for."""

    at_ms: int


@value(frozen=True, slots=True)
class RunTerminated:
    """The run was ended at once, whatever it was doing."""

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
"""The events of the visit that the run is in."""

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
