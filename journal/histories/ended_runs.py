"""A cache of the folds of ended runs.

Nothing is appended to such a run, so its fold stays valid until it is deleted. Clients ask for a
run until it has ended, and then once more for its result; consoles show it again and again. The
cache doubles the status requests a second (`status` in `make bench`) for at most a few MB.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

_MOST_RUNS = 256
_LONGEST = 8_192
"""How many characters a history may have; longer ones are not cached."""

F = TypeVar("F")


class EndedRuns(Generic[F]):
    """The folds by run id; the least recently used is dropped first."""

    def __init__(self) -> None:
        self._folds: OrderedDict[str, F] = OrderedDict()
        self._deletions = 0

    @property
    def deletions(self) -> int:
        """How often runs were deleted; read this before a history, and give it to `keep`."""
        return self._deletions

    def get(self, run_id: str) -> F | None:
        """Return the fold of the run; None if it is not cached."""
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
        """Drop a run's fold: another process has deleted the run."""
        self._folds.pop(run_id, None)

    @contextmanager
    def deleting(self) -> Iterator[None]:
        """Drop all folds; also called after a deletion with an unknown outcome."""
        try:
            yield
        finally:
            self._deletions += 1
            self._folds.clear()
