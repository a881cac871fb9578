"""Who may carry a run on, where several processes share one journal.

Every run belongs to one of a fixed number of shards, by its number alone, and a shard to one
process at a time. So does whatever else is to happen once: a schedule, a webhook, a line of runs
belongs to the shard of its name. With the journal in one folder there is one process, which asks
nobody.

Owning keeps two processes from doing the same work; it is not what keeps histories whole. That is
the number of each event, of which there can be only one: whoever has lost a shard and does not
know it yet has its appends refused (`Conflict`).
"""

from collections.abc import Callable, Collection
from typing import Protocol, TypeAlias
from zlib import crc32

SHARDS = 64
"""How many shards there are: for good, since processes of two versions must agree on it."""

ALL_SHARDS = frozenset(range(SHARDS))

ShardsHeard: TypeAlias = Callable[[frozenset[int]], None]


def shard_of(number: int) -> int:
    """Return the shard of a run's number."""
    return number % SHARDS


def shard_named(name: str) -> int:
    """Return the shard of what has a name: the same in every process."""
    return crc32(name.encode()) % SHARDS


class Owners(Protocol):
    """Says what belongs to this process.

    Attributes:
        on_gain: Told of shards whose work begins here from now on.
        on_leave: Told of shards that are to be given away: what is under way may end, and nothing
            further begins. They are here until nothing is, or until `on_return`.
        on_return: Told of shards that stay after all: their work goes on.
        on_loss: Told of shards that are here no longer; what is under way is to be dropped at once.
        under_way: Returns the shards of which something is under way here.
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
        """Say whether a shard belongs to this process now."""
        ...

    def begins(self, shard: int) -> bool:
        """Say whether new work of a shard begins here: it does not while it is given away."""
        ...
