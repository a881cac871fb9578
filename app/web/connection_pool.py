"""Tracks open connections, and which one to close when the limit is reached.

A connection costs its client nothing. So an idle connection without a known caller is closed before
one of a known caller, and a connection with a request in progress stays open.
"""

from typing import Protocol


class Connection(Protocol):
    """A connection, as far as the pool needs it."""

    @property
    def is_known(self) -> bool:
        """True once a request of a known caller has arrived on it."""
        ...

    def give_way(self) -> None:
        """Close, because another connection needs the place."""
        ...


class ConnectionPool:
    """At most `most` connections; idle ones are ordered by when they became idle."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: set[Connection] = set()
        self._strangers: dict[Connection, None] = {}
        self._known: dict[Connection, None] = {}

    def add(self, connection: Connection) -> bool:
        """Add a connection, closing an idle one if necessary.

        Returns False when all others are busy.
        """
        if len(self._open) >= self._most and not self.make_room():
            return False
        self._open.add(connection)
        self.idle(connection)
        return True

    def idle(self, connection: Connection) -> None:
        """Record that the connection has no request now."""
        if connection in self._open:
            (self._known if connection.is_known else self._strangers)[connection] = None

    def busy(self, connection: Connection) -> None:
        """Record that a request has arrived on it."""
        self._strangers.pop(connection, None)
        self._known.pop(connection, None)

    def remove(self, connection: Connection) -> None:
        """Record that it was closed."""
        self._open.discard(connection)
        self.busy(connection)

    def make_room(self) -> bool:
        """Close an idle connection, first one without a known caller; return False without any."""
        for idle in (self._strangers, self._known):
            for connection in idle:
                self.remove(connection)
                connection.give_way()
                return True
        return False
