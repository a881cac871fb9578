"""Filters for lists and tables: flattening, indexing, merging and CSV."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from steps.language.operations import kind_of

_MOST_LEVELS = 10
_LONGEST_CELL = 1_000_000
_MOST_CELLS = 100_000
_CELLS_A_VALUE = 10
"""The most cells of written rows: rows without common keys need the square of their number."""


def flatten(values: Iterable[Any], levels: int = 1) -> list[Any]:
    """Return a list with the items of its inner lists, down to a number of levels."""
    if not 1 <= levels <= _MOST_LEVELS:
        raise ValueError(f"levels must be 1 to {_MOST_LEVELS}")
    found = items_of(values)
    for _ in range(levels):
        found = [
            one
            for item in found
            for one in (items_of(item) if isinstance(item, list | tuple) else [item])
        ]
    return found


def index_by(values: Iterable[Any], attribute: str) -> dict[str, Any]:
    """Return the items by the value of an attribute; the last one wins."""
    found = {}
    for number, item in enumerate(items_of(values)):
        key = at(item, attribute)
        if key is None:
            raise ValueError(f"index_by asks for {attribute}, which item {number} does not have")
        found[_key(key)] = item
    return found


def from_items(pairs: Iterable[Any]) -> dict[str, Any]:
    """Return an object of pairs of a name and a value."""
    found = {}
    for pair in items_of(pairs):
        if not isinstance(pair, list | tuple) or len(items_of(pair)) != 2:  # noqa: PLR2004
            raise ValueError("from_items needs pairs of a name and a value")
        name, value = items_of(pair)
        found[_key(name)] = value
    return found


def merge(value: Mapping[str, Any], *others: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with the keys of others, which replace its own."""
    if not all(isinstance(item, dict) for item in (value, *others)):
        raise ValueError("merge needs objects")
    made: dict[str, Any] = {}
    for item in (value, *others):
        made.update(item)
    return made


def to_csv(
    rows: Iterable[Any], columns: Sequence[str] | None = None, separator: str = ",",
    header: bool = True,
) -> str:  # fmt: skip
    """Return rows as CSV; objects use the `columns`, or the keys of all objects."""
    lines = items_of(rows)
    objects = all(isinstance(line, dict) for line in lines)
    if not objects and not all(isinstance(line, list | tuple) for line in lines):
        raise ValueError("to_csv needs a list of objects, or one of lists")
    if columns is not None:
        names = items_of(columns)
        if any(isinstance(name, dict | list | tuple) for name in names):
            raise ValueError("columns of to_csv must be a list of names")
    else:
        keys = (name for line in lines for name in dict.keys(line)) if objects else ()
        names = list(dict.fromkeys(keys))
    most = max(_MOST_CELLS, _CELLS_A_VALUE * sum(map(len, lines)))
    if objects and len(lines) * len(names) > most:
        size = f"{len(lines):,} rows of {len(names):,} columns are more than {most:,} cells"
        raise ValueError(f"to_csv: {size}; name the columns that are meant")
    out = io.StringIO()
    writer = csv.writer(out, delimiter=_sign(separator), lineterminator="\r\n")
    if header and names:
        writer.writerow(names)
    for line in lines:
        cells = [dict.get(line, name) for name in names] if objects else items_of(line)
        writer.writerow([_cell(item) for item in cells])
    return out.getvalue()


def from_csv(text: str, separator: str = ",", header: bool = True) -> list[Any]:
    """Return the rows of CSV text: objects named by the first row, or lists without a header."""
    lines = io.StringIO(str(text).removeprefix("\ufeff"), newline="")
    csv.field_size_limit(_LONGEST_CELL)
    try:
        rows = [row for row in csv.reader(lines, delimiter=_sign(separator), strict=True) if row]
    except csv.Error as wrong:
        raise ValueError(f"it is not CSV: {wrong}") from None
    if not header:
        return rows
    if rows and len(set(rows[0])) < len(rows[0]):
        raise ValueError("two columns of the CSV have the same name; read it with header=false")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(rows[0]):
            raise ValueError(f"row {number} has {len(row)} cells, and the first {len(rows[0])}")
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def items_of(values: Any) -> list[Any]:
    """Return the items of a list. Raises `ValueError` for any other value."""
    if isinstance(values, str | dict) or values is None:
        raise ValueError(f"it needs a list, not {kind_of(values)}")
    return list(list.__iter__(values)) if isinstance(values, list) else list(values)


def at(item: Any, attribute: str) -> Any:
    """Return the value at a dotted path in an object; None if there is none."""
    for name in str(attribute).split("."):
        if isinstance(item, list) and name.isdecimal():
            item = next(iter(items_of(item)[int(name) :]), None)
        else:
            item = dict.get(item, name) if isinstance(item, dict) else None
    return item


def _key(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _sign(separator: str) -> str:
    if len(separator) != 1 or separator in '"\r\n':
        raise ValueError("separator must be one character")
    return separator


def _cell(value: Any) -> Any:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


LIST_FILTERS: tuple[Callable[..., Any], ...] = (
    flatten, index_by, from_items, merge, to_csv, from_csv,
)  # fmt: skip
"""The filters that `steps/language/filters/offered.py` offers from this file."""
