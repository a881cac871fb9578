"""What a journal has where several processes may share it."""

from collections.abc import Awaitable, Callable

from engine.value import value
from journal.processes.bell import Bell
from journal.processes.locks import ProcessRow
from journal.processes.shared_owners import SharedOwners


@value(frozen=True, slots=True)
class Shared:
    """The ports between processes.

    Attributes:
        listen: Hears the bell until cancelled.
        now_ms: Tells the time of the store in Unix milliseconds, None where that is unknown.
        processes: Asks which processes there are, by their places.
    """

    owners: SharedOwners
    bell: Bell
    listen: Callable[[], Awaitable[None]]
    now_ms: Callable[[], int | None]
    processes: Callable[[], Awaitable[list[ProcessRow]]]
