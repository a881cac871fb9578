"""The facts of a pause: it begins, it changes while it is open, it is answered."""

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
    """What is known of an open pause is otherwise: who may answer it, what has come of it so far.

    Attributes:
        what: `claimed`, `released`, `delegated`, `answered` where more answers are wanted,
            `reminded`, `escalated`, `overdue`, `notified` or `not_notified`.
        body: All keys of the pause that are otherwise than when it began.
        caller: Who changed it; empty for the clock.
        note: Why, or to whom.
        answer: One of several answers.
        key: The idempotency key of that answer, if it had one.
        fingerprint: What the key was used for.
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
    """A person answered the pause; what follows from it stands in the next event.

    Attributes:
        key: The idempotency key of the answer, if it had one.
        fingerprint: What the key was used for.
        seen: The hash over what whoever answered was shown; empty where they did not say.
    """

    at_ms: int
    step_id: str
    visit: int
    answer: Json
    caller: str = ""
    key: str = ""
    fingerprint: str = ""
    seen: str = ""
