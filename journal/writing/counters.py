"""Counters of the writer's work."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_COMMIT_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Histogram:
    """Counts observations by size."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """Take the upper bounds of the buckets, the smallest first; the last has none."""
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.sum = 0.0

    def note(self, value: float) -> None:
        """Count one observation."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """How many observations there were."""
        return sum(self._counts)

    def bound_of(self, share: float) -> float:
        """Return the bound that this share of the observations does not exceed; may be infinity."""
        enough = share * self.count
        return next(bound for bound, seen in self.up_to() if seen >= enough)

    def up_to(self) -> Iterator[tuple[float, int]]:
        """Return each bound, infinity last, with how many observations were not larger."""
        seen = 0
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            seen += count
            yield bound, seen


@dataclass(slots=True)
class WriterCounters:
    """Counts since the start.

    Attributes:
        queued: Writes that wait or are being written now.
        writes: Writes that have been answered.
        commits: Transactions, each with one flush of the disk.
        failed: Transactions for which it is unknown whether they are stored.
        seconds: How long transactions took, including their flush.
    """

    queued: int = 0
    writes: int = 0
    commits: int = 0
    failed: int = 0
    seconds: Histogram = field(default_factory=lambda: Histogram(_COMMIT_S))

    def written(self, writes: int, seconds: float, *, failed: bool) -> None:
        """Count one transaction."""
        self.queued -= writes
        self.writes += writes
        self.commits += 1
        self.failed += failed
        self.seconds.note(seconds)
