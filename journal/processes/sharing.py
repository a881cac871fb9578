"""What a journal offers if several processes may share it."""

from collections.abc import Awaitable, Callable

from engine.value import value
from journal.processes.bell import Bell
from journal.processes.locks import ProcessRow
from journal.processes.shared_owners import SharedOwners


@value(frozen=True, slots=True)
class Shared:
    """The interfaces between processes.

    Attributes:
        listen: Listens for the bell until cancelled.
        now_ms: Returns the time of the store in Unix milliseconds, None if it is unknown.
        processes: Returns the processes that share the journal, by their places.
    """

    owners: SharedOwners
    bell: Bell
    listen: Callable[[], Awaitable[None]]
    now_ms: Callable[[], int | None]
    processes: Callable[[], Awaitable[list[ProcessRow]]]
