"""Folds of long runs, kept so that a wake-up or a status does not read their whole history.

A run that waits leaves memory, and is read again when it wakes: what a run of ten thousand
waits pays each time, and pays more each time. One that has ended is asked for page by page. The
fold of the newest append is kept here instead, bounded in size; whoever takes it holds its last
hash against the run's row first, so that what is kept is the history as it is on disk, or
nothing. Short runs are read again.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

SHORTEST = 40
"""Events of a history; what is shorter costs little to read."""

_MOST_RUNS = 1_000
_MOST_CHARACTERS = 16_000_000

F = TypeVar("F")


class LongRuns(Generic[F]):
    """The folds by run id; the one that was not asked for the longest goes first."""

    def __init__(self, most_characters: int = _MOST_CHARACTERS) -> None:
        self._most = most_characters
        self._folds: OrderedDict[str, tuple[F, int]] = OrderedDict()
        self._characters = 0

    def get(self, run_id: str) -> F | None:
        """Return the fold of the run, None where it is not kept."""
        kept = self._folds.get(run_id)
        if kept is None:
            return None
        self._folds.move_to_end(run_id)
        return kept[0]

    def keep(self, run_id: str, fold: Callable[[], F], events: int, characters: int) -> None:
        """Keep what `fold` returns in place of an older one, unless it is short.

        Its history has so many events and characters.
        """
        if events < SHORTEST:
            return
        self.forget(run_id)
        self._folds[run_id] = fold(), characters
        self._characters += characters
        while self._characters > self._most or len(self._folds) > _MOST_RUNS:
            _, (_, size) = self._folds.popitem(last=False)
            self._characters -= size

    def forget(self, run_id: str) -> None:
        """Keep the fold of a run no longer."""
        kept = self._folds.pop(run_id, None)
        if kept:
            self._characters -= kept[1]
