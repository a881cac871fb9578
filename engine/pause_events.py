"""The events of a pause: it begins, it changes while it is open, and it is answered."""

from engine.value import value
from engine.values import Json, JsonObject, Pause


@value(frozen=True, slots=True)
class RunPaused:
    """The step waits for a person, until `deadline_ms` if that is set.

    Attributes:
        wake_at_ms: When something is due before that, such as a reminder.
    """

    at_ms: int
    step_id: str
    visit: int
    pause: Pause
    deadline_ms: int | None = None
    wake_at_ms: int | None = None


@value(frozen=True, slots=True)
class PauseChanged:
    """Something about an open pause changed: who may answer it, or its answers so far.

    Attributes:
        what: `claimed`, `released`, `delegated`, `answered` where more answers are wanted,
            `reminded`, `escalated`, `overdue`, `notified` or `not_notified`.
        body: All keys of the pause that differ from when it began.
        caller: Who changed it; empty for the clock.
        note: The reason, or the recipient.
        answer: One of several answers.
        key: The idempotency key of that answer, if it had one.
        fingerprint: A fingerprint of the answer for which the key was used.
        wake_at_ms: When something is due next.
        seen: As in `RunResumed`.
    """

    at_ms: int
    step_id: str
    visit: int
    what: str
    body: JsonObject
    caller: str = ""
    note: str = ""
    answer: Json = None
    key: str = ""
    fingerprint: str = ""
    wake_at_ms: int | None = None
    seen: str = ""


@value(frozen=True, slots=True)
class RunResumed:
    """A person answered the pause; the next event says what follows from it.

    Attributes:
        key: The idempotency key of the answer, if it had one.
        fingerprint: A fingerprint of the answer for which the key was used.
        seen: The hash of what the person saw when they answered; empty if they did not send it.
    """

    at_ms: int
    step_id: str
    visit: int
    answer: Json
    caller: str = ""
    key: str = ""
    fingerprint: str = ""
    seen: str = ""
