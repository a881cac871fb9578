"""A bell between the processes that share one journal: what one has changed, others may look at.

A ring may be lost. Whatever hangs on one is looked for again within a second, so that a ring only
saves time. With the journal in one folder there is one process, and nobody to ring for.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

RUN = "run"
"""A run has new events; the name is its tenant, a slash and its id."""

WAKE = "wake"
"""A run is to be looked at by its owner; the name is its shard."""

PLACE = "place"
"""The line of a key may move; the name is the key."""

CHANGE = "change"
"""Somebody has changed what others keep in memory; there is an entry of the audit log."""

SHARDS_MOVED = "shards"
"""A process has given shards away, or begins to take part."""

Heard: TypeAlias = Callable[[str], None]


class Bell(Protocol):
    """Rings for all other processes.

    Attributes:
        heard: Who hears what another process has rung for, by topic; given the name.
        on_gap: Called where rings may have been lost, as after a connection broke off.
    """

    heard: dict[str, list[Heard]]
    on_gap: list[Callable[[], None]]

    def ring(self, topic: str, name: str = "") -> None:
        """Let others know soon; rings for the same are one."""
        ...
