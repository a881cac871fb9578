"""Folds the loops of a run: rounds that repeat the same steps are shown once, with their number."""

from collections.abc import Sequence

from engine.value import value

_FEWEST = 4
"""The fewest rounds that are folded."""

_LONGEST = 12
"""The most steps that a round may have."""

_SHOWN = 1
"""How many rounds at the end stay open: people look for the newest."""


@value(frozen=True, slots=True)
class Rounds:
    """A part of a list: where it begins and ends, and how many steps a round has; 0: no loop."""

    first: int
    end: int
    length: int

    @property
    def count(self) -> int:
        """How many rounds it has."""
        return (self.end - self.first) // self.length if self.length else 0


def folded(steps: Sequence[str]) -> list[Rounds]:
    """Return the list in parts: loops without their newest round, and what is between them."""
    parts: list[Rounds] = []
    at = plain = 0
    while at < len(steps):
        found = _loop(steps, at)
        if found is None:
            at += 1
            continue
        if plain < at:
            parts.append(Rounds(plain, at, 0))
        end = found.end - _SHOWN * found.length
        parts.append(Rounds(at, end, found.length))
        at = plain = end
        at += found.length
    if plain < len(steps):
        parts.append(Rounds(plain, len(steps), 0))
    return parts


def _loop(steps: Sequence[str], at: int) -> Rounds | None:
    """Return the longest loop that begins here."""
    best: Rounds | None = None
    for length in range(1, _LONGEST + 1):
        end = at + length
        while end < len(steps) and steps[end] == steps[end - length]:
            end += 1
        end -= (end - at) % length
        found = Rounds(at, end, length)
        if found.count >= _FEWEST and (best is None or end > best.end):
            best = found
    return best
