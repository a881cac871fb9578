"""The ended visits of a run: a growing sequence that is cheap to copy.

Copies share one list, and each copy knows how much of it is its own. Only the newest copy can
append to the shared list; an older copy that grows first copies its own part.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import overload

from engine.visit import Visit


class Past(Sequence[Visit]):
    """Ended visits, oldest first; they never change."""

    __slots__ = ("_count", "_shared")

    def __init__(self, visits: Iterable[Visit] = ()) -> None:
        self._shared = list(visits)
        self._count = len(self._shared)

    def append(self, visit: Visit) -> None:
        """Add the visit that ended last."""
        if len(self._shared) != self._count:
            self._shared = self._shared[: self._count]
        self._shared.append(visit)
        self._count += 1

    def copy(self) -> "Past":
        """Return a copy that does not see later additions to this one."""
        copied = Past()
        copied._shared, copied._count = self._shared, self._count
        return copied

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Visit]:
        return islice(self._shared, self._count)

    @overload
    def __getitem__(self, place: int) -> Visit: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Visit]: ...
    def __getitem__(self, place: int | slice) -> Visit | Sequence[Visit]:
        if isinstance(place, slice):
            return [self._shared[at] for at in range(*place.indices(self._count))]
        return self._shared[range(self._count)[place]]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment] # it grows

    def __repr__(self) -> str:
        return f"Past({list(self)!r})"
