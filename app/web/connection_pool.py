"""Which connections are open, and which go when there is room for no more.

A connection costs its client nothing. So one on which nobody has shown a key and nothing is
asked goes before one of somebody known, and what is being answered stays.
"""

from typing import Protocol


class Connection(Protocol):
    """One connection, as the pool needs it."""

    @property
    def is_known(self) -> bool:
        """True once a request of a known caller has come over it."""
        ...

    def give_way(self) -> None:
        """Close, since another one needs the place."""
        ...


class ConnectionPool:
    """At most `most` connections; those that are idle in the order in which they became so."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: set[Connection] = set()
        self._strangers: dict[Connection, None] = {}
        self._known: dict[Connection, None] = {}

    def add(self, connection: Connection) -> bool:
        """Take a connection in, where need be in the place of one that is idle.

        Returns False when all the others are busy.
        """
        if len(self._open) >= self._most and not self._make_room():
            return False
        self._open.add(connection)
        self.idle(connection)
        return True

    def idle(self, connection: Connection) -> None:
        """Note that nothing is asked over it for now."""
        if connection in self._open:
            (self._known if connection.is_known else self._strangers)[connection] = None

    def busy(self, connection: Connection) -> None:
        """Note that a request has come over it."""
        self._strangers.pop(connection, None)
        self._known.pop(connection, None)

    def remove(self, connection: Connection) -> None:
        """Note that it has been closed."""
        self._open.discard(connection)
        self.busy(connection)

    def _make_room(self) -> bool:
        for idle in (self._strangers, self._known):
            for connection in idle:
                self.remove(connection)
                connection.give_way()
                return True
        return False
