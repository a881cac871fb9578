"""Pieces of answers that models are giving, for those who read a run's events just now.

They are not kept: a reader that is too slow loses some, and knows it by their places.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager

from engine import JsonObject

_MOST = 200
"""Pieces that wait for one reader; of more the oldest are lost."""


class Deltas:
    """Hands pieces to the readers of each run, without waiting for them."""

    def __init__(self) -> None:
        self._by_run: defaultdict[str, list[tuple[asyncio.Event, deque[JsonObject]]]] = defaultdict(
            list
        )

    def are_read(self, run_id: str) -> bool:
        """Say whether anybody reads a run's events now."""
        return run_id in self._by_run

    def tell(self, run_id: str, delta: JsonObject) -> None:
        """Give a piece to all who read."""
        for bell, waiting in self._by_run.get(run_id, ()):
            waiting.append(delta)
            bell.set()

    @contextmanager
    def read(self, run_id: str, bell: asyncio.Event) -> Iterator[deque[JsonObject]]:
        """Return where the pieces of a run wait for one reader; the bell is set for each."""
        waiting: deque[JsonObject] = deque(maxlen=_MOST)
        reader = (bell, waiting)
        self._by_run[run_id].append(reader)
        try:
            yield waiting
        finally:
            # By identity: two readers for whom nothing waits are equal.
            left = [one for one in self._by_run[run_id] if one is not reader]
            if left:
                self._by_run[run_id] = left
            else:
                del self._by_run[run_id]
