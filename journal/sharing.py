"""What a journal has where several processes may share it."""

from collections.abc import Awaitable, Callable

from engine.value import value
from journal.bell import Bell
from journal.shared_owners import SharedOwners


@value(frozen=True, slots=True)
class Shared:
    """The ports between processes.

    Attributes:
        listen: Hears the bell until cancelled.
        now_ms: Tells the time of the store in Unix milliseconds, None where that is unknown.
    """

    owners: SharedOwners
    bell: Bell
    listen: Callable[[], Awaitable[None]]
    now_ms: Callable[[], int | None]
