"""The mask of the log, which covers the secret values of all tenants.

Values are compiled in layers, each much larger than the next, like a log-structured merge tree. New
values are compiled together with layers of a similar size only, never with everything. So the cost
of a tenant's new values depends on their number, not on how many values other tenants have.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from app.concurrency.offload import offload
from app.secrets.mask import FEW, FEW_CHARACTERS, MASK, Mask

_TIMES = 4
"""A layer is recompiled with new values if it is at most this many times as large as they are."""

_CHARACTERS_A_VALUE = 1_000
"""Compiling this many characters takes about as long as compiling one more value."""


class _Layer(NamedTuple):
    values: frozenset[str]
    mask: Mask

    @property
    def weight(self) -> int:
        return _weight(self.values)


class LogMask:
    """Removes the secrets of all tenants from texts.

    Deleted values stay masked until their layer is compiled again together with all others.
    """

    def __init__(self, now: Callable[[], Iterable[str]]) -> None:
        """Take a function that returns all current values."""
        self._now = now
        self._layers: list[_Layer] = []
        self._known = set[str]()
        self._added: list[str] = []
        self._of_added: Mask | None = None
        self._is_settling = False

    def add(self, values: Iterable[str]) -> None:
        """Mask these values too."""
        for value in values:
            if value not in self._known:
                self._known.add(value)
                self._added.append(value)
                self._of_added = None

    async def settle(self) -> None:
        """Compile what has been added beside the event loop, if there is much of it."""
        is_few = len(self._added) <= FEW and sum(map(len, self._added)) <= FEW_CHARACTERS
        if is_few or self._is_settling:
            return
        self._is_settling = True
        kept, values = [*self._layers], [*self._added]
        count, weight = len(values), _weight(values)
        while kept and kept[-1].weight <= _TIMES * weight:
            layer = kept.pop()
            values += layer.values
            weight += layer.weight
        if not kept:
            values = [*self._now()]
        try:
            layer = await offload(partial(_layer, values))
        finally:
            self._is_settling = False
        self._layers = [*kept, layer]
        del self._added[:count]
        if not kept:
            self._known = {*layer.values, *self._added}
        self._of_added = None

    def text(self, text: str) -> str:
        """Return the text without the values, even if the text was cut inside one."""
        if self._of_added is None:
            self._of_added = Mask(self._added)
        masks = [*(layer.mask for layer in self._layers), self._of_added]
        text = _without(text, sorted(place for mask in masks for place in mask.places(text)))
        for mask in masks:
            text = mask.without_cut(text)
        return text


def _weight(values: Iterable[str]) -> int:
    return sum(1 + len(value) // _CHARACTERS_A_VALUE for value in values)


def _layer(values: Sequence[str]) -> _Layer:
    return _Layer(frozenset(values), Mask(values))


def _without(text: str, places: Iterable[tuple[int, int]]) -> str:
    """Return a text without the given places, which are sorted and may overlap."""
    parts: list[str] = []
    end = 0
    for first, last in places:
        if first >= end:
            parts += (text[end:first], MASK)
        end = max(end, last)
    return "".join([*parts, text[end:]])
