"""A time axis on which waits are shortened, so that the work between them is visible.

A run that works for seconds and waits for days would otherwise be a single line. Work is drawn to
scale; a time in which all steps wait gets a limited share of the axis.
"""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

from engine.value import value

_LONGEST_WAIT = 0.12
"""The longest wait, as a fraction of the length of the work."""

_SHORTEST_MS = 1


@value(frozen=True, slots=True)
class Stretch:
    """A part of the axis: when it begins and ends, and whether all steps wait in it."""

    from_ms: int
    to_ms: int
    is_wait: bool


class TimeAxis:
    """Maps times to positions between 0 and 100.

    Attributes:
        stretches: Its parts, in order.
        is_compressed: Whether a wait is drawn shorter than it was.
    """

    def __init__(self, began_ms: int, ended_ms: int, work: Iterable[tuple[int, int]]) -> None:
        ended_ms = max(ended_ms, began_ms + _SHORTEST_MS)
        self.stretches = _stretches(began_ms, ended_ms, work)
        worked = sum(one.to_ms - one.from_ms for one in self.stretches if not one.is_wait)
        longest = max(_SHORTEST_MS, worked) * _LONGEST_WAIT
        lengths = [
            min(longest, one.to_ms - one.from_ms) if one.is_wait else one.to_ms - one.from_ms
            for one in self.stretches
        ]
        self.is_compressed = any(
            length < one.to_ms - one.from_ms
            for one, length in zip(self.stretches, lengths, strict=True)
        )
        self._begins = [one.from_ms for one in self.stretches]
        self._before = [0.0, *accumulate(lengths)]
        self._lengths = lengths

    def at(self, moment_ms: int) -> float:
        """Return the position of a time."""
        number = max(0, bisect_right(self._begins, moment_ms) - 1)
        stretch, length = self.stretches[number], self._lengths[number]
        share = (moment_ms - stretch.from_ms) / max(1, stretch.to_ms - stretch.from_ms)
        at = self._before[number] + min(1.0, max(0.0, share)) * length
        return round(100 * at / (self._before[-1] or 1), 2)


def _stretches(began_ms: int, ended_ms: int, work: Iterable[tuple[int, int]]) -> list[Stretch]:
    """Return the time between as stretches of work and of waits."""
    found: list[Stretch] = []
    at = began_ms
    for from_ms, to_ms in sorted(work):
        begins, ends = max(from_ms, at), min(max(to_ms, from_ms + _SHORTEST_MS), ended_ms)
        if begins > at:
            found.append(Stretch(at, begins, is_wait=True))
        if ends > begins:
            found.append(Stretch(begins, ends, is_wait=False))
        at = max(at, ends, begins)
    if at < ended_ms:
        found.append(Stretch(at, ended_ms, is_wait=True))
    return found or [Stretch(began_ms, ended_ms, is_wait=False)]
