"""Pieces of a model's answer while it is being written, for clients that read the run's events.

The pieces are not stored. A reader that is too slow loses some, and sees the gap in their
positions.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager

from engine import JsonObject

_MOST = 200
"""Pieces that wait for one reader; beyond that the oldest are dropped."""


class Deltas:
    """Passes pieces to the readers of each run, without waiting for them."""

    def __init__(self) -> None:
        self._by_run: defaultdict[str, list[tuple[asyncio.Event, deque[JsonObject]]]] = defaultdict(
            list
        )

    def are_read(self, run_id: str) -> bool:
        """Return whether anybody reads the run's events now."""
        return run_id in self._by_run

    def tell(self, run_id: str, delta: JsonObject) -> None:
        """Give a piece to all readers of the run."""
        for bell, waiting in self._by_run.get(run_id, ()):
            waiting.append(delta)
            bell.set()

    @contextmanager
    def read(self, run_id: str, bell: asyncio.Event) -> Iterator[deque[JsonObject]]:
        """Return the queue of pieces for a new reader; the bell is set for each piece."""
        waiting: deque[JsonObject] = deque(maxlen=_MOST)
        reader = (bell, waiting)
        self._by_run[run_id].append(reader)
        try:
            yield waiting
        finally:
            # By identity: two readers with empty queues are equal.
            left = [one for one in self._by_run[run_id] if one is not reader]
            if left:
                self._by_run[run_id] = left
            else:
                del self._by_run[run_id]
