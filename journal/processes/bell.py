"""A bell between the processes that share one journal: tells others that something has changed.

A ring may be lost. Every listener also looks by itself within a second, so a ring only saves time.
A journal in a folder has one process, and nobody to ring for.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

RUN = "run"
"""A run has new events; the name is its tenant, a slash and its id."""

WAKE = "wake"
"""A run's owner must check it; the name is its shard."""

PLACE = "place"
"""The line of a key may move; the name is the key."""

CHANGE = "change"
"""Data that other processes keep in memory has changed; the audit log has an entry of it."""

SHARDS_MOVED = "shards"
"""A process has given shards away, or has joined."""

Heard: TypeAlias = Callable[[str], None]


class Bell(Protocol):
    """Rings for all other processes.

    Attributes:
        heard: The functions to call when another process rings, by topic; they are given the name.
        on_gap: Called if rings may have been lost, for example after a connection broke off.
    """

    heard: dict[str, list[Heard]]
    on_gap: list[Callable[[], None]]

    def ring(self, topic: str, name: str = "") -> None:
        """Notify the other processes soon; rings for the same name are combined."""
        ...
