"""A run: the fold of its history.

A run is one object that changes in place, only through `engine/apply.py`. Code that shows a run
that is still in progress takes a copy.

Theory of operation: a run has one position. In READY it is between two steps. Every append that the
engine makes moves the run on past READY. Between appends a run is therefore inside a step
(EXECUTING, BACKING_OFF, SLEEPING, AWAITING, STOPPING, PAUSED), over, not yet begun (QUEUED), or
held by a person (READY). `next_step` is the target of the last chosen edge, and None when no step
follows and the run must end.
"""

from dataclasses import dataclass, field

from engine.past import Past
from engine.transitions import State, Status
from engine.values import (
    SIGNAL_PAUSE,
    CarriedVisit,
    Ending,
    Hold,
    Json,
    JsonObject,
    Origin,
    Parent,
    Pause,
    Place,
    RunError,
    Starter,
    StepError,
)
from engine.visit import Visit

HELD = "held"
"""The listed state of a run that a hold stops."""

_HELD_IN = (State.READY, State.BACKING_OFF, State.SLEEPING)


@dataclass
class Run:
    """The fold of a history.

    Attributes:
        seq: How many events have been applied; the next event has this number plus one.
        data: The input, over which each step's declared output has been merged; each change makes a
            new object.
        outputs: Each step's last whole output, by step id.
        past: The visits that have ended, oldest first.
        current: The visit the run is in.
        next_step: The target of the last chosen edge, while READY.
        pause: What a paused run waits for, in its current form.
        pause_seq: The number of the event with which that pause began.
        pause_changes: The keys of the pause that have changed since then.
        answer_by_ms: When the pause's deadline is (Unix milliseconds).
        answers: The idempotency keys of its answers and repairs, each with the fingerprint of its
            use.
        wake_at_ms: When a retry, a sleep or a deadline is due (Unix milliseconds).
        last_error: The error that the last `on: "error"` edge or `onError` caught, until the step
            that had failed has succeeded.
        failed_in: The step that failed with that error.
        visits: How often each step has been entered, including in the runs that this run reruns.
        executions: How many steps this run itself has entered.
        cleaning_up: True after a cancel has stopped the step that was in flight.
        cleans_up_from: How many steps had been entered when clean-up or a handler began.
        deadline_ms: When the run is overdue, while that would still stop it (Unix milliseconds).
        overdue: True after the deadline, until a handler is entered or the run has ended.
        handler: `onError` or `finally` while the run is in that handler; empty before.
        ending: How the run ends after its `finally`, unless that fails.
        parent: The run that started this one, None for a top-level run.
        is_detached: Whether its parent continues without it.
        held: Who holds the run and why, None if nobody does.
        place: The place that the run waits for before it begins and holds until it ends; None: it
            needs none.
        starter: The run that started this one without waiting for it, None for any other.
        origin: The run that this run reruns, None for a run from the beginning.
        body: The body of the workflow's document that the run executes; empty for the whole
            document.
        vars: The tenant's variables that the run's expressions name, with their values at the
            start.
        started_text: The run's start time as expressions read it, once an expression has read it.
        carried: The visits of earlier runs that this rerun takes over. They are not part of
            `history`, because they are not limited, counted or paid for again.
    """

    id: str
    workflow_id: str
    version: str
    state: State
    seq: int
    data: JsonObject
    context: JsonObject
    caller: str
    started_at_ms: int
    updated_at_ms: int
    ended_at_ms: int | None = None
    next_step: str | None = None
    past: Past = field(default_factory=Past)
    current: Visit | None = None
    outputs: dict[str, Json] = field(default_factory=dict)
    visits: dict[str, int] = field(default_factory=dict)
    executions: int = 0
    pause: Pause | None = None
    pause_seq: int = 0
    pause_changes: JsonObject = field(default_factory=dict)
    answer_by_ms: int | None = None
    answers: dict[str, str] = field(default_factory=dict)
    wake_at_ms: int | None = None
    last_error: StepError | None = None
    failed_in: str | None = None
    cancel_requested: bool = False
    cleaning_up: bool = False
    cleans_up_from: int = 0
    reason: str | None = None
    result: Json = None
    error: RunError | None = None
    parent: Parent | None = None
    origin: Origin | None = None
    carried: tuple[CarriedVisit, ...] = ()
    vars: JsonObject = field(default_factory=dict)
    body: str = ""
    deadline_ms: int | None = None
    overdue: bool = False
    handler: str = ""
    ending: Ending | None = None
    starter: Starter | None = None
    place: Place | None = None
    started_text: str = field(default="", compare=False, repr=False)
    held: Hold | None = None
    is_detached: bool = False

    @property
    def status(self) -> Status:
        """The status that clients see."""
        return self.state.status

    @property
    def is_over(self) -> bool:
        """True when no event can follow."""
        return self.state.is_over

    @property
    def is_stopping(self) -> bool:
        """True when a cancel or the run's timeout waits for the step in flight to end."""
        return self.overdue or (self.cancel_requested and not self.cleaning_up)

    @property
    def due_at_ms(self) -> int | None:
        """When time moves the run on: the end of its wait, or its deadline (Unix milliseconds)."""
        if self.held is not None and self.stands_still:
            return self.deadline_ms
        if self.deadline_ms is None or self.wake_at_ms is None:
            return self.wake_at_ms or self.deadline_ms
        return min(self.wake_at_ms, self.deadline_ms)

    @property
    def stands_still(self) -> bool:
        """True when a hold stops the run between two steps, before an attempt, or in a sleep."""
        return self.held is not None and self.state in _HELD_IN

    @property
    def listed_state(self) -> str:
        """The state that lists show: `held` if a hold stops the run."""
        if self.waits_for_children:
            return str(State.AWAITING_CHILDREN)
        return HELD if self.held is not None and self.stands_still else str(self.state)

    @property
    def current_step_id(self) -> str | None:
        """The step the run is in, None once it has ended."""
        return self.current.step_id if self.current else None

    @property
    def depth(self) -> int:
        """How many ancestor runs it has."""
        above = self.parent or self.starter
        return above.depth if above else 0

    @property
    def waits_for_children(self) -> bool:
        """True when child runs decide what happens next, whether or not they are paused."""
        asks_for_child = self.pause is not None and self.pause.run_id is not None
        return self.state is State.AWAITING_CHILDREN or asks_for_child

    @property
    def awaited_signal(self) -> tuple[str, str] | None:
        """The name and key of the signal that the run itself waits for, None if there is none."""
        pause = self.pause
        if pause is None or pause.type != SIGNAL_PAUSE or pause.run_id is not None:
            return None
        return str(pause.body["name"]), str(pause.body["key"])

    @property
    def pause_shown(self) -> "JsonObject | None":
        """The pause in the form that people are shown, None when the run is not paused."""
        return self.pause.shown(self.id, self.pause_seq) if self.pause else None

    @property
    def history(self) -> tuple[Visit, ...]:
        """All visits, oldest first, the current one last."""
        return (*self.past, self.current) if self.current else tuple(self.past)

    @property
    def last_visit(self) -> Visit:
        """The visit that ended last."""
        return self.past[-1]

    def copy(self) -> "Run":
        """Return a copy of the run that does not change any more."""
        copied = object.__new__(Run)
        copied.__dict__.update(self.__dict__)
        copied.past = self.past.copy()
        copied.current = self.current.copy() if self.current else None
        copied.outputs = self.outputs.copy()
        copied.visits = self.visits.copy()
        copied.answers = self.answers.copy()
        return copied
