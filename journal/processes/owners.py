"""Which process carries a run on, if several processes share one journal.

Every run belongs to one of a fixed number of shards, by its number alone, and a shard belongs to
one process at a time. Everything else that must happen once also belongs to a shard, by its name: a
schedule, a webhook, a line of runs. A journal in a folder has one process, which owns all.

Owners prevent two processes from doing the same work. They are not what keeps histories consistent:
each event number can exist only once in a run, so the appends of a process that has lost a shard
without knowing it are refused (`Conflict`).
"""

from collections.abc import Callable, Collection
from typing import Protocol, TypeAlias
from zlib import crc32

SHARDS = 64
"""How many shards there are; never changes, since processes of two versions must agree on it."""

ALL_SHARDS = frozenset(range(SHARDS))

NO_SHARDS = "this process has no shards: it is starting or stopping, or cannot reach the database"

ShardsHeard: TypeAlias = Callable[[frozenset[int]], None]


def shard_of(number: int) -> int:
    """Return the shard of a run's number."""
    return number % SHARDS


def shard_named(name: str) -> int:
    """Return the shard of a name: the same in every process."""
    return crc32(name.encode()) % SHARDS


class Owners(Protocol):
    """Says what belongs to this process.

    Attributes:
        on_gain: Called with shards whose work begins here from now on.
        on_leave: Called with shards that are to be given away: work under way may finish, and
            nothing new begins. They stay here until no work is left, or until `on_return`.
        on_return: Called with shards that stay after all: their work continues.
        on_loss: Called with shards that are no longer here; work under way must be dropped at once.
        under_way: Returns the shards that have work under way here.
    """

    on_gain: list[ShardsHeard]
    on_leave: list[ShardsHeard]
    on_return: list[ShardsHeard]
    on_loss: list[ShardsHeard]
    under_way: Callable[[], Collection[int]]

    @property
    def processes(self) -> int:
        """How many processes share the journal, this one included."""
        ...

    @property
    def shards(self) -> Collection[int]:
        """The shards that belong to this process now."""
        ...

    def owns(self, shard: int) -> bool:
        """Return whether a shard belongs to this process now."""
        ...

    def begins(self, shard: int) -> bool:
        """Return whether new work of a shard may begin here; not while the shard is given away."""
        ...
