"""The orders of a list of runs, and places in it."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal, Self, TypeAlias, TypeVar, get_args

from engine.value import value

T = TypeVar("T")

RunKey: TypeAlias = Literal["startTime", "endTime", "duration"]
_KEYS: dict[RunKey, str] = {
    "startTime": "started_at_ms",
    "endTime": "ended_at_ms",
    "duration": "(ended_at_ms - started_at_ms)",
}
_PLACES: dict[RunKey, Callable[[Any], tuple[int, int]]] = {
    "startTime": attrgetter("started_at_ms", "number"),
    "endTime": attrgetter("ended_at_ms", "number"),
    "duration": lambda row: (row.ended_at_ms - row.started_at_ms, row.number),
}
"""The place of a row as a tuple, which takes a tenth of the time of a `RunPosition`."""
_POSITION = re.compile(r"([0-9]{1,15})\.([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class RunPosition:
    """A place in a list of runs, written `<key>.<number>`.

    Attributes:
        key: What the list is ordered by, in ms: when the run started, unless it says otherwise.
    """

    key: int
    number: int

    def __str__(self) -> str:
        return f"{self.key}.{self.number}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the place that a text names. Raises `ValueError` for anything else."""
        found = _POSITION.fullmatch(text)
        if found is None:
            raise ValueError("must be the cursor of an answer of this list")
        return cls(int(found[1]), int(found[2]))


@value(frozen=True, slots=True)
class RunOrder:
    """The order of a list of runs; runs with the same key are ordered by number.

    Attributes:
        by: The key; only ended runs have one, except for `startTime`.
        ascending: The least first.
    """

    by: RunKey = "startTime"
    ascending: bool = False

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the order that a text names, `-` before the key for the greatest first."""
        name = text.removeprefix("-")
        for key in get_args(RunKey):
            if key == name:
                return cls(key, ascending=name == text)
        raise ValueError(f"must be one of {', '.join(get_args(RunKey))}, or one with - before it")

    @property
    def of_ended(self) -> bool:
        """Whether only runs that have ended have a place in it."""
        return self.by != "startTime"

    @property
    def column(self) -> str:
        """The key as an SQL expression."""
        return _KEYS[self.by]

    @property
    def words(self) -> str:
        """The ORDER BY terms for rows with `listed_by` and `id`."""
        way = "ASC" if self.ascending else "DESC"
        return f"listed_by {way}, id {way}"

    @property
    def words_of_alike(self) -> str:
        """The ORDER BY terms for rows that all have the same key."""
        return f"id {'ASC' if self.ascending else 'DESC'}"

    @property
    def behind(self) -> str:
        """The SQL comparison that is true for everything after a place."""
        return ">" if self.ascending else "<"

    @property
    def before_all(self) -> RunPosition:
        """A place before every run."""
        return RunPosition(0, 0) if self.ascending else RunPosition(10**15 - 1, 10**18 - 1)

    def sorted(self, rows: Iterable[T]) -> list[T]:
        """Return rows of runs in this order; each has to have a place in it."""
        return sorted(rows, key=_PLACES[self.by], reverse=not self.ascending)


NEWEST_FIRST = RunOrder()
