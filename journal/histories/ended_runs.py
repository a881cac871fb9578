"""Folds of runs that have ended, kept for whoever asks again.

Nothing is appended to such a run, so its fold stays true until it is deleted. Clients ask for a
run until it has ended, and then once more for what came of it; consoles show it again and again.
Worth: twice the status requests a second (`status` in `make bench`), for at most a few MB.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

_MOST_RUNS = 256
_LONGEST = 8_192
"""Characters of a history; what is longer is read again."""

F = TypeVar("F")


class EndedRuns(Generic[F]):
    """The folds by run id, the one that was not asked for the longest goes first."""

    def __init__(self) -> None:
        self._folds: OrderedDict[str, F] = OrderedDict()
        self._deletions = 0

    @property
    def deletions(self) -> int:
        """How often runs were deleted; to be read before a history is, and given to `keep`."""
        return self._deletions

    def get(self, run_id: str) -> F | None:
        """Return the fold of the run, None where it is not kept."""
        found = self._folds.get(run_id)
        if found is not None:
            self._folds.move_to_end(run_id)
        return found

    def keep(self, run_id: str, fold: F, length: int, deletions: int) -> None:
        """Keep a fold, unless it is long or runs were deleted while it was read."""
        if length > _LONGEST or deletions != self._deletions:
            return
        self._folds[run_id] = fold
        if len(self._folds) > _MOST_RUNS:
            self._folds.popitem(last=False)

    def forget(self, run_id: str) -> None:
        """Keep a run's fold no longer: another process has deleted it."""
        self._folds.pop(run_id, None)

    @contextmanager
    def deleting(self) -> Iterator[None]:
        """Forget everything, also after a deletion of which nobody knows whether it was made."""
        try:
            yield
        finally:
            self._deletions += 1
            self._folds.clear()
