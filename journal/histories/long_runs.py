"""A cache of the folds of long runs, so that a wake-up or a status need not read the whole history.

A run that waits leaves memory, and is read again when it wakes. A run of ten thousand waits pays
for that each time, and more each time. An ended run is read page by page. This cache holds the fold
after the newest append, limited in size. A reader first compares the fold's last hash with the
run's row, so it gets the history as it is on disk, or nothing. Short runs are not cached.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

SHORTEST = 40
"""How many events make a history long; reading a shorter one costs little."""

_MOST_RUNS = 1_000
_MOST_CHARACTERS = 16_000_000

F = TypeVar("F")


class LongRuns(Generic[F]):
    """The folds by run id; the least recently used is dropped first."""

    def __init__(self, most_characters: int = _MOST_CHARACTERS, shortest: int = SHORTEST) -> None:
        """Take the limit of all together, and how many events make a history long."""
        self._most, self._shortest = most_characters, shortest
        self._folds: OrderedDict[str, tuple[F, int]] = OrderedDict()
        self._characters = 0

    def get(self, run_id: str) -> F | None:
        """Return the fold of the run; None if it is not cached."""
        kept = self._folds.get(run_id)
        if kept is None:
            return None
        self._folds.move_to_end(run_id)
        return kept[0]

    def keep(self, run_id: str, fold: Callable[[], F], events: int, characters: int) -> None:
        """Cache the result of `fold` in place of an older one, unless the history is short.

        `fold` is called only if the history is long enough, by its events and characters.
        """
        if events < self._shortest:
            return
        self.forget(run_id)
        self._folds[run_id] = fold(), characters
        self._characters += characters
        while self._characters > self._most or len(self._folds) > _MOST_RUNS:
            _, (_, size) = self._folds.popitem(last=False)
            self._characters -= size

    def forget(self, run_id: str) -> None:
        """Drop the fold of a run."""
        kept = self._folds.pop(run_id, None)
        if kept:
            self._characters -= kept[1]
