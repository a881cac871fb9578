"""The inputs of a run: the outcome of a step, a timer that is due, or a command."""

from dataclasses import field
from typing import TypeAlias

from engine.value import value
from engine.values import Json, JsonObject, Pause, StepError


@value(frozen=True, slots=True)
class Begin:
    """Continue from a position between two steps."""


@value(frozen=True, slots=True)
class Admit:
    """Admit the run that waits for a place."""


@value(frozen=True, slots=True)
class TurnAway:
    """Refuse the run that waits for a place."""


@value(frozen=True, slots=True)
class Delivered:
    """The step in flight delivered `output`; `data` holds its declared fields.

    Attributes:
        appended: The items appended to lists in the run's data, one list for each name.
        removed: The names removed from the run's data first.
    """

    output: Json
    data: JsonObject
    appended: dict[str, list[Json]] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)


@value(frozen=True, slots=True)
class Broke:
    """The attempt in flight failed.

    Attributes:
        grace_ms: How long the engine waits for open child runs to stop before it acts on the
            failure; 0 if no child run is open.
    """

    error: StepError
    grace_ms: int = 0


@value(frozen=True, slots=True)
class Pauses:
    """The step in flight waits for a person, and the run is paused.

    Attributes:
        pause: What the person is asked.
        deadline_ms: When the step stops waiting, in Unix milliseconds; None: never.
        wake_at_ms: When something is due before that, in Unix milliseconds.
    """

    pause: Pause
    deadline_ms: int | None = None
    wake_at_ms: int | None = None


@value(frozen=True, slots=True)
class Sleeps:
    """The step in flight waits until a given time and then completes.

    Attributes:
        until_ms: That time in Unix milliseconds, before the year 10000.
    """

    until_ms: int


@value(frozen=True, slots=True)
class AwaitsChildren:
    """The step waits for child runs.

    Attributes:
        total: How many child runs the visit has requested so far.
        pause: What a person is asked, when every open child run is waiting for a person.
        deadline_ms: When the attempt times out, in Unix milliseconds; set from its timeout.
    """

    total: int
    pause: Pause | None = None
    deadline_ms: int | None = None


@value(frozen=True, slots=True)
class AnswerKey:
    """The idempotency key of an answer or a repair and a fingerprint of its use; empty: no key."""

    key: str = ""
    fingerprint: str = ""


@value(frozen=True, slots=True)
class ChildResumed:
    """A person answered the child run whose pause this run shows."""

    key: AnswerKey = AnswerKey()


@value(frozen=True, slots=True)
class ChildrenStopped:
    """All child runs that the step has cancelled have ended."""


@value(frozen=True, slots=True)
class Recorded:
    """The step has finished a part of its work."""

    step_id: str
    visit: int
    name: str
    value: Json


@value(frozen=True, slots=True)
class Stopped:
    """The step in flight was stopped for a cancel; `grace_ms` is as in `Broke`."""

    grace_ms: int = 0


@value(frozen=True, slots=True)
class Interrupted:
    """A restart found the step in flight; whether the step did its work is unknown.

    Attributes:
        in_order: True when the step is not blamed, because the server stopped gracefully or
            another step is known to have ended the process.
        most: How often an attempt may be interrupted before it is no longer repeated.
        choices: The choices for a person, for a step that asks one after an interruption.
    """

    in_order: bool = False
    most: int = 5
    choices: tuple[JsonObject, ...] = ()


@value(frozen=True, slots=True)
class TimerDue:
    """The time for which the run waits has come; `grace_ms` is as in `Broke`."""

    grace_ms: int = 0


@value(frozen=True, slots=True)
class Answered:
    """A person answered the pause and the step accepted it with this `output` and `data`."""

    answer: JsonObject
    output: Json
    data: JsonObject
    caller: str
    key: AnswerKey = AnswerKey()
    seen: str = ""


@value(frozen=True, slots=True)
class AnswerKept:
    """A person answered the pause; the step stores the answer as record `name` and continues.

    An existing record of that name is kept.
    """

    answer: JsonObject
    name: str
    value: Json
    caller: str
    key: AnswerKey = AnswerKey()
    seen: str = ""


@value(frozen=True, slots=True)
class ChangePause:
    """Change what is known about the pause; it stays open.

    Attributes:
        what: As in `PauseChanged`.
        body: The keys of the pause that change.
        note: The reason, or the recipient.
        answer: One of several answers.
        wake_at_ms: When something is due next, in Unix milliseconds; None: nothing is due.
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
    """A person decided about an interrupted step: run it again, or fail it."""

    answer: JsonObject
    run_again: bool
    caller: str
    key: AnswerKey = AnswerKey()


@value(frozen=True, slots=True)
class Cancel:
    """Cancel the run gracefully; `grace_ms` is as in `Broke`."""

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
    """Make the next attempt now, or end a sleep now."""

    reason: str | None
    caller: str
    key: AnswerKey = AnswerKey()


@value(frozen=True, slots=True)
class GiveUp:
    """Fail the step that waits for its next attempt or sleeps."""

    reason: str | None
    caller: str
    key: AnswerKey = AnswerKey()


@value(frozen=True, slots=True)
class SkipStep:
    """Complete the waiting step with `output`; `data` holds its declared fields."""

    output: Json
    data: JsonObject
    reason: str | None
    caller: str
    key: AnswerKey = AnswerKey()


@value(frozen=True, slots=True)
class Detach:
    """Let the run continue by itself: its parent no longer waits for it."""


@value(frozen=True, slots=True)
class ChangeData:
    """Change the data of a run between attempts: merge `data` and remove the names in `removed`.

    Attributes:
        question: The open question as it reads with the new data; None: as it was asked.
    """

    data: JsonObject
    removed: tuple[str, ...]
    reason: str | None
    caller: str
    question: Pause | None = None
    key: AnswerKey = AnswerKey()


@value(frozen=True, slots=True)
class HoldRun:
    """Start no step and no attempt until the run is released."""

    reason: str | None
    caller: str
    key: AnswerKey = AnswerKey()


@value(frozen=True, slots=True)
class ReleaseRun:
    """Release a run that is held."""

    reason: str | None
    caller: str
    key: AnswerKey = AnswerKey()


Repair: TypeAlias = TryNow | GiveUp | SkipStep | ChangeData | HoldRun | ReleaseRun
"""The commands with which a person repairs a run."""

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
    | Detach
)
