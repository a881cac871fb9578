"""Locks that belong to a database session, and are freed by the database when the session ends.

This is the whole protocol between processes: a live process holds a lock on a place of its own, and
the locks of the shards that it works on. No process decides that another is gone.
"""

from collections.abc import Collection
from typing import Protocol

from engine.value import value


class SessionLost(Exception):
    """The session with the database has ended, and with it all its locks."""


@value(frozen=True, slots=True)
class LockView:
    """The state of the locks.

    Attributes:
        place: Which of the processes this one is, from 0.
        processes: How many there are.
        taken: The shards that a process has locked.
    """

    place: int
    processes: int
    taken: frozenset[int]


@value(frozen=True, slots=True)
class ProcessRow:
    """One of the processes that share the journal.

    Attributes:
        place: Its place among the processes; None while it leaves.
        name: Its host and process id.
        since_ms: When its session began, in Unix milliseconds by the server's clock.
        silent_ms: For how many milliseconds the server has not heard from it.
    """

    place: int | None
    name: str
    since_ms: int
    silent_ms: int
    shards: int


class Locks(Protocol):
    """The locks of one process."""

    async def open(self) -> None:
        """Begin a session and take a place among the processes. Raises `SessionLost`."""
        ...

    async def look(self) -> LockView:
        """Read the locks, which shows that the session is alive. Raises `SessionLost`."""
        ...

    async def take(self, shards: Collection[int]) -> frozenset[int]:
        """Lock those of the shards that are free, and return them. Raises `SessionLost`."""
        ...

    async def give(self, shards: Collection[int]) -> None:
        """Free shards. Raises `SessionLost`."""
        ...

    async def leave(self) -> None:
        """Give the place up: other processes share what is free. Raises `SessionLost`."""
        ...

    async def close(self) -> None:
        """End the session, and with it all locks; raises nothing."""
        ...
