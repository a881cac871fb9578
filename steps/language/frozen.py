"""Immutable copies of values for expressions.

MiniJinja lets an expression read and call methods of the objects that it receives, and
`data.clear()` would empty the caller's dict. All that it receives, and all that filters and
functions return to it, are therefore copies whose methods cannot be reached.
"""

import json
from collections import OrderedDict
from contextvars import ContextVar
from threading import Lock, local
from typing import Any

from engine import Json
from steps.language.allowance import units_of_text

LEAST_INTEGER, GREATEST_INTEGER = -(2**127), 2**128 - 1
"""The integers that MiniJinja holds exactly."""

_CUT = frozenset({2.0**63, 2.0**64})
"""Floats that MiniJinja takes for the largest 64-bit integers, which are one less."""

_KIND = frozenset({"keys", "items"})
"""The methods without which MiniJinja and Python take an object for something else."""

_ALLOWED = _KIND | {"__class__", "__len__", "__iter__", "__getitem__"}


class _Missed(local):
    """The object and the key that this thread looked up last without finding it."""

    of: object = None
    key: object = None


_missed = _Missed()


def _attribute(value: Any, name: str) -> Any:
    if name in _KIND and _missed.of is value and _missed.key == name:
        _missed.of = None  # MiniJinja looks for an attribute where it has found no entry
    elif name in _ALLOWED:
        return object.__getattribute__(value, name)
    raise AttributeError(f"values have no methods, so {name} cannot be called")


class FrozenDict(dict[str, Any]):
    """A dict without reachable methods, which is JSON as a text."""

    __slots__ = ("_size",)
    __getattribute__ = _attribute

    def __missing__(self, key: object) -> Any:
        _missed.of, _missed.key = self, key
        raise KeyError(key)

    def __str__(self) -> str:
        return json.dumps(thaw(self), ensure_ascii=False)


class FrozenList(list[Any]):
    """A list without reachable methods, which is JSON as a text."""

    __slots__ = ("_size",)
    __getattribute__ = _attribute

    def __str__(self) -> str:
        return json.dumps(thaw(self), ensure_ascii=False)


class WideInteger:
    """An integer with more digits than expressions can compute with.

    MiniJinja would silently round it. It can be passed on and written out exactly, but computing
    with it is an error.
    """

    __slots__ = ("value",)
    __getattribute__ = _attribute

    def __init__(self, value: int) -> None:
        object.__setattr__(self, "value", value)

    def __str__(self) -> str:
        return str(_digits(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WideInteger) and _digits(self) == _digits(other)

    def __hash__(self) -> int:
        return hash(_digits(self))


def _digits(wide: WideInteger) -> int:
    value: int = object.__getattribute__(wide, "value")
    return value


def freeze(value: Any) -> Any:
    """Return an immutable copy of a JSON value; what is frozen already is not copied again."""
    made: FrozenDict | FrozenList
    if isinstance(value, FrozenDict | FrozenList):
        return value
    if isinstance(value, dict):
        made = FrozenDict({key: freeze(item) for key, item in value.items()})
        size = sum(map(size_of, dict.values(made)))
    elif isinstance(value, list | tuple):
        made = FrozenList([freeze(item) for item in value])
        size = sum(map(size_of, list.__iter__(made)))
    elif type(value) is int and not LEAST_INTEGER <= value <= GREATEST_INTEGER:
        return WideInteger(value)
    elif type(value) is float and value in _CUT:
        return int(value)
    else:
        return value
    object.__setattr__(made, "_size", 1 + size)
    return made


def frozen_part(items: dict[str, Any]) -> FrozenDict:
    """Return an object of values that are already frozen."""
    made = FrozenDict(items)
    object.__setattr__(made, "_size", 1 + sum(map(size_of, items.values())))
    return made


def size_of(value: Any) -> int:
    """Return the number of values inside a value; a long text counts as several."""
    if isinstance(value, FrozenDict | FrozenList):
        size: int = object.__getattribute__(value, "_size")
        return size
    return units_of_text(value) if isinstance(value, str) else 1


_KEPT = 64
_MOST_VALUES = 2_000_000
"""The most copies to keep, and the most values in all of them together."""


class FrozenValues:
    """A cache of recently frozen values, shared by the code that executes steps.

    Runs pass the same values from step to step; each is frozen once for all expressions.
    """

    __slots__ = ("_lock", "_recent", "_values")

    def __init__(self) -> None:
        self._lock = Lock()  # some are frozen in other threads
        self._recent: OrderedDict[int, tuple[Json, Any]] = OrderedDict()
        self._values = 0

    def of(self, value: Json) -> Any:
        """Return the frozen copy of a value that does not change any more."""
        if not isinstance(value, dict | list):
            return freeze(value)
        kept = self._recent.get(id(value))
        if kept is None or kept[0] is not value:
            kept = (value, freeze(value))
            with self._lock:
                self._keep(kept)
        return kept[1]

    def _keep(self, kept: tuple[Json, Any]) -> None:
        recent = self._recent
        if (before := recent.pop(id(kept[0]), None)) is not None:
            self._values -= size_of(before[1])
        recent[id(kept[0])] = kept
        self._values += size_of(kept[1])
        while len(recent) > 1 and (len(recent) > _KEPT or self._values > _MOST_VALUES):
            self._values -= size_of(recent.popitem(last=False)[1][1])


_here: ContextVar[FrozenValues | None] = ContextVar("frozen", default=None)


class frozen_by:  # noqa: N801 - read as a verb: with frozen_by(values)
    """Let all expressions that are evaluated inside share the copies in `values`."""

    __slots__ = ("_token", "_values")

    def __init__(self, values: FrozenValues) -> None:
        self._values = values

    def __enter__(self) -> None:
        self._token = _here.set(self._values)

    def __exit__(self, *_: object) -> None:
        _here.reset(self._token)


def share_frozen(values: FrozenValues) -> None:
    """Let all expressions of the current context share the copies in `values` from now on."""
    _here.set(values)


def frozen_here() -> FrozenValues:
    """Return the shared copies of the current context, or an empty cache if there are none."""
    return _here.get() or FrozenValues()


_PLAIN = frozenset({str, int, float, bool, type(None)})


def thaw(value: Any) -> Json:
    """Return an expression's result as plain JSON values. Raises `TypeError` for others."""
    # Plain values are checked only once: a result may have a hundred thousand of them.
    if isinstance(value, dict):
        return {
            str(key): item if type(item) in _PLAIN else thaw(item)
            for key, item in dict.items(value)
        }
    if isinstance(value, list | tuple):
        items = list.__iter__(value) if isinstance(value, list) else value
        return [item if type(item) in _PLAIN else thaw(item) for item in items]
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, WideInteger):
        return _digits(value)
    raise TypeError(f"it gives a {type(value).__name__}, which is not a JSON value")
