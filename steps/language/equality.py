"""Equality of JSON values: a boolean is never a number, at any depth.

Python and MiniJinja hold true and 1 to be equal, also inside lists and objects.
"""

from typing import Any


def same(left: Any, right: Any) -> bool:
    """Return whether two values are the same in JSON."""
    if left != right:
        return False
    todo = [(left, right)]
    while todo:
        one, other = todo.pop()
        if isinstance(one, bool) != isinstance(other, bool):
            return False
        if isinstance(one, dict):
            todo += [(value, dict.get(other, key)) for key, value in dict.items(one)]
        elif isinstance(one, list | tuple):
            todo += zip(_items(one), _items(other), strict=False)
    return True


def different(left: Any, right: Any) -> bool:
    """Return whether two values are not the same in JSON."""
    return not same(left, right)


def among(value: Any, items: Any) -> bool:
    """Return whether a value is one of the items of a list, or one of the names of an object."""
    if isinstance(items, dict):
        return isinstance(value, str) and value in items
    # The first condition is the usual case, at the speed of Python.
    return value in items and any(same(value, item) for item in _items(items))


def _items(value: Any) -> Any:
    return value if isinstance(value, tuple) else list.__iter__(value)
