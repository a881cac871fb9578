"""What can happen to a run: the outcome of a step, a due timer, a command."""

from dataclasses import field
from typing import TypeAlias

from engine.value import value
from engine.values import Json, JsonObject, Pause, StepError


@value(frozen=True, slots=True)
class Begin:
    """Go on from between two steps."""


@value(frozen=True, slots=True)
class Admit:
    """The run that waits for a place has it."""


@value(frozen=True, slots=True)
class TurnAway:
    """The run that waits for a place gets none."""


@value(frozen=True, slots=True)
class Delivered:
    """The step in flight delivered `output`; `data` are its declared fields.

    Attributes:
        appended: What is put at the end of lists in the run's data, a list for each name.
        removed: The names that are taken out of the run's data first.
    """

    output: Json
    data: JsonObject
    appended: dict[str, list[Json]] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)


@value(frozen=True, slots=True)
class Broke:
    """The attempt in flight failed.

    Attributes:
        grace_ms: How long child runs may take to stop before that is acted on; 0 where none
            is open.
    """

    error: StepError
    grace_ms: int = 0


@value(frozen=True, slots=True)
class Pauses:
    """The step in flight waits for a person, and the run is paused.

    Attributes:
        pause: What the person is asked.
        deadline_ms: Until when the step waits, in Unix milliseconds; None: for ever.
        wake_at_ms: When something is due before that, in Unix milliseconds.
    """

    pause: Pause
    deadline_ms: int | None = None
    wake_at_ms: int | None = None


@value(frozen=True, slots=True)
class Sleeps:
    """The step in flight waits for a moment, and is then done.

    Attributes:
        until_ms: The moment in Unix milliseconds, before the year 10000.
    """

    until_ms: int


@value(frozen=True, slots=True)
class AwaitsChildren:
    """The step waits for child runs.

    Attributes:
        total: How many child runs the visit has wanted so far.
        pause: What a person is asked, when every open child run waits for one.
        deadline_ms: When the attempt is over, in Unix milliseconds; set from its timeout.
    """

    total: int
    pause: Pause | None = None
    deadline_ms: int | None = None


@value(frozen=True, slots=True)
class AnswerKey:
    """The idempotency key of an answer, and what it was used for; both empty without one."""

    key: str = ""
    fingerprint: str = ""


@value(frozen=True, slots=True)
class ChildResumed:
    """The child run whose pause this run shows has been answered."""

    key: AnswerKey = AnswerKey()


@value(frozen=True, slots=True)
class ChildrenStopped:
    """No child run is open any more of a step that wants none."""


@value(frozen=True, slots=True)
class Recorded:
    """The step has finished a part of its work."""

    step_id: str
    visit: int
    name: str
    value: Json


@value(frozen=True, slots=True)
class Stopped:
    """The step in flight was stopped, as a cancel asked; `grace_ms` as in `Broke`."""

    grace_ms: int = 0


@value(frozen=True, slots=True)
class Interrupted:
    """A restart found the step in flight; whether it did its work is unknown.

    Attributes:
        in_order: True when that is not held against the step: the server had been stopped in
            good order, or another step is known to be why the process ended.
        most: How often an attempt may be cut off before it is not made again.
        choices: What a person may choose from where the step has one asked.
    """

    in_order: bool = False
    most: int = 5
    choices: tuple[JsonObject, ...] = ()


@value(frozen=True, slots=True)
class TimerDue:
    """The clock reached the moment the run waits for; `grace_ms` as in `Broke`."""

    grace_ms: int = 0


@value(frozen=True, slots=True)
class Answered:
    """A person answered the pause, and the step accepted: `output` and `data` follow."""

    answer: JsonObject
    output: Json
    data: JsonObject
    caller: str
    key: AnswerKey = AnswerKey()
    seen: str = ""


@value(frozen=True, slots=True)
class AnswerKept:
    """A person answered the pause; the step keeps it as the record `name` and goes on.

    A record of that name that is there already stays.
    """

    answer: JsonObject
    name: str
    value: Json
    caller: str
    key: AnswerKey = AnswerKey()
    seen: str = ""


@value(frozen=True, slots=True)
class ChangePause:
    """What is known of the pause is otherwise from now on; it stays open.

    Attributes:
        what: As in `PauseChanged`.
        body: The keys of the pause that change.
        note: Why, or to whom.
        answer: One of several answers.
        wake_at_ms: When something is due next, in Unix milliseconds; None: nothing is.
    """

    what: str
    body: JsonObject
    caller: str = ""
    note: str = ""
    answer: Json = None
    key: AnswerKey = AnswerKey()
    wake_at_ms: int | None = None
    seen: str = ""


@value(frozen=True, slots=True)
class InterruptionSettled:
    """A person said what becomes of an interrupted step: run it again, or fail it."""

    answer: JsonObject
    run_again: bool
    caller: str
    key: AnswerKey = AnswerKey()


@value(frozen=True, slots=True)
class Cancel:
    """Stop the run in good order; `grace_ms` as in `Broke`."""

    reason: str | None
    caller: str
    grace_ms: int = 0


@value(frozen=True, slots=True)
class Terminate:
    """End the run at once."""

    reason: str | None
    caller: str


@value(frozen=True, slots=True)
class TryNow:
    """Make the next attempt now, or let a sleep be over."""

    reason: str | None
    caller: str


@value(frozen=True, slots=True)
class GiveUp:
    """Have the step fail that waits for its next attempt, or sleeps."""

    reason: str | None
    caller: str


@value(frozen=True, slots=True)
class SkipStep:
    """Take `output` as that of the step that waits; `data` are its declared fields."""

    output: Json
    data: JsonObject
    reason: str | None
    caller: str


@value(frozen=True, slots=True)
class GoApart:
    """The run's parent waits for it no more, and leaves it to go on."""


@value(frozen=True, slots=True)
class ChangeData:
    """Change the data of a run at rest: put `data` in, and take the names of `removed` out."""

    data: JsonObject
    removed: tuple[str, ...]
    reason: str | None
    caller: str


@value(frozen=True, slots=True)
class HoldRun:
    """Let no step and no attempt begin until the run is released."""

    reason: str | None
    caller: str


@value(frozen=True, slots=True)
class ReleaseRun:
    """Let a run go on that is held."""

    reason: str | None
    caller: str


Repair: TypeAlias = TryNow | GiveUp | SkipStep | ChangeData | HoldRun | ReleaseRun
"""What a person does to a run that does not go as it should."""

Input: TypeAlias = (
    Repair
    | Begin
    | Admit
    | TurnAway
    | Delivered
    | Broke
    | Pauses
    | Sleeps
    | AwaitsChildren
    | ChildResumed
    | ChildrenStopped
    | Recorded
    | Stopped
    | Interrupted
    | TimerDue
    | Answered
    | AnswerKept
    | ChangePause
    | InterruptionSettled
    | Cancel
    | Terminate
    | GoApart
)
