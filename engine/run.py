"""A run: the fold of its history.

It is one object that changes in place, by `engine/apply.py` and nowhere else. Whoever shows it
while it goes on takes a copy.

Theory of operation: a run has one position. In READY it stands between two steps; every
append that the engine makes carries on past READY, so that between appends a run is either
inside a step (EXECUTING, BACKING_OFF, SLEEPING, AWAITING, STOPPING, PAUSED), or over, or has not
begun (QUEUED), or is held by a person (READY). `next_step`
is where the last chosen edge leads, None when there is nowhere to go and the run must end.
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
"""What lists call the state of a run that a hold keeps."""

_HELD_IN = (State.READY, State.BACKING_OFF, State.SLEEPING)


@dataclass
class Run:
    """The fold of a history.

    Attributes:
        seq: How many events have been applied; the next event has this number plus one.
        data: The input, over which each step's declared output has been merged; another object
            each time.
        outputs: Each step's last whole output, by step id.
        past: The visits that have ended, oldest first.
        current: The visit the run is in.
        next_step: Where the last chosen edge leads, while READY.
        pause: What a paused run waits for, as it stands now.
        pause_seq: The number of the event with which that pause began.
        pause_changes: The keys of it that are otherwise than then.
        answer_by_ms: Until when it waits (Unix milliseconds).
        answers: The idempotency keys of its answers, each with what it was used for.
        wake_at_ms: When a retry, a sleep or a deadline is due (Unix milliseconds).
        last_error: The error that the last `on: "error"` edge or `onError` caught, until the
            step that had failed has succeeded.
        failed_in: The step that failed with it.
        visits: How often each step has been entered, by the runs that this one carries on too.
        executions: How many steps this run itself has entered.
        cleaning_up: True once a cancel has been carried out on the step it met.
        cleans_up_from: How many steps had been entered when that was, or a handler was entered.
        deadline_ms: When it is overdue, as long as that would stop it (Unix milliseconds).
        overdue: True from then on, until a handler is entered or it has ended.
        handler: `onError` or `finally` while it is in that; empty before.
        ending: How it ends once its `finally` has, unless that fails.
        parent: The run that started this one, None for a run of its own.
        is_apart: Whether its parent has gone on without it.
        held: Who holds it and why, None while it goes on as it will.
        place: What it waits for before it begins, or has until it ends; None: it needs none.
        starter: The run that started it and waits for nothing, None for any other.
        origin: The run of which this one is a rerun, None for a run from the beginning.
        body: Which body of the workflow's document it is a run of; empty for the whole of it.
        vars: The tenant's variables that its expressions name, as they were when it began.
        started_text: Its start as expressions read it, once one has been asked for.
        carried: What the runs before it did up to where this one begins; no part of `history`,
            since it is neither limited nor counted nor paid for again.
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
    is_apart: bool = False

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
        """When time brings it on: what it waits for, or its deadline (Unix milliseconds)."""
        if self.held is not None and self.stands_still:
            return self.deadline_ms
        if self.deadline_ms is None or self.wake_at_ms is None:
            return self.wake_at_ms or self.deadline_ms
        return min(self.wake_at_ms, self.deadline_ms)

    @property
    def stands_still(self) -> bool:
        """True where a hold keeps it: between two steps, and before an attempt or a moment."""
        return self.held is not None and self.state in _HELD_IN

    @property
    def listed_state(self) -> str:
        """Where it is as lists have it: `held` where a hold keeps it."""
        if self.waits_for_children:
            return str(State.AWAITING_CHILDREN)
        return HELD if self.held is not None and self.stands_still else str(self.state)

    @property
    def current_step_id(self) -> str | None:
        """The step the run is in, None once it has ended."""
        return self.current.step_id if self.current else None

    @property
    def depth(self) -> int:
        """How many runs stand above it."""
        above = self.parent or self.starter
        return above.depth if above else 0

    @property
    def waits_for_children(self) -> bool:
        """True when what happens next is up to child runs, whether or not they are paused."""
        asks_for_child = self.pause is not None and self.pause.run_id is not None
        return self.state is State.AWAITING_CHILDREN or asks_for_child

    @property
    def awaited_signal(self) -> tuple[str, str] | None:
        """Name and key of the signal that it waits for itself, None when it waits for none."""
        pause = self.pause
        if pause is None or pause.type != SIGNAL_PAUSE or pause.run_id is not None:
            return None
        return str(pause.body["name"]), str(pause.body["key"])

    @property
    def pause_shown(self) -> "JsonObject | None":
        """What the run waits for as people are shown it, None when it is not paused."""
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
        """Return the run as it stands; it changes no more."""
        copied = object.__new__(Run)
        copied.__dict__.update(self.__dict__)
        copied.past = self.past.copy()
        copied.current = self.current.copy() if self.current else None
        copied.outputs = self.outputs.copy()
        copied.visits = self.visits.copy()
        copied.answers = self.answers.copy()
        return copied
