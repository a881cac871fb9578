"""Locks that belong to a session with the database, which frees them when the session ends.

That is all of the protocol between processes: who is alive holds a lock on a place of its own, and
the locks of the shards that it works on. No process decides that another is gone.
"""

from collections.abc import Collection
from typing import Protocol

from engine.value import value


class SessionLost(Exception):
    """The session with the database is over, and with it whatever it had locked."""


@value(frozen=True, slots=True)
class LockView:
    """How the locks stand.

    Attributes:
        place: Which of the processes this one is, from 0.
        processes: How many there are.
        taken: The shards that somebody has locked.
    """

    place: int
    processes: int
    taken: frozenset[int]


@value(frozen=True, slots=True)
class ProcessRow:
    """One of the processes that share the journal.

    Attributes:
        place: Its place among the processes, None while it leaves.
        name: Its host and process id.
        since_ms: When its session began, Unix milliseconds by the server's clock.
    """

    place: int | None
    name: str
    since_ms: int
    shards: int


class Locks(Protocol):
    """The locks of one process."""

    async def open(self) -> None:
        """Begin a session and take a place among the processes. Raises `SessionLost`."""
        ...

    async def look(self) -> LockView:
        """Ask how the locks stand, which shows that the session goes on. Raises `SessionLost`."""
        ...

    async def take(self, shards: Collection[int]) -> frozenset[int]:
        """Lock shards that nobody else has; return those. Raises `SessionLost`."""
        ...

    async def give(self, shards: Collection[int]) -> None:
        """Free shards. Raises `SessionLost`."""
        ...

    async def leave(self) -> None:
        """Give the place up: others share out what is free. Raises `SessionLost`."""
        ...

    async def close(self) -> None:
        """End the session, and with it all locks; raises nothing."""
        ...
