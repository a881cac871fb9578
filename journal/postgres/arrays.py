"""Columns of rows as arrays in PostgreSQL's binary format: many rows are one parameter each."""

from collections.abc import Callable, Sequence
from itertools import chain
from struct import Struct, error, pack
from typing import Any

_INT8, _TEXT, _BYTEA = 20, 25, 17
_HEAD = Struct("!iiIii")
_LENGTH = Struct("!i")
_NULL = _LENGTH.pack(-1)
_NUMBER = Struct("!iq")


def bigints(values: Sequence[Any]) -> bytes:
    """Return whole numbers as `bigint[]`. Raises `ValueError` for one that is too large."""
    try:
        if values.count(values[0]) == len(values) or None in values:
            return _array(values, _INT8, _number)
        numbers = chain.from_iterable((8, n) for n in values)
        return _head(values, _INT8) + pack("!" + "iq" * len(values), *numbers)
    except error as too_large:
        raise ValueError("PostgreSQL cannot keep a number of more than 64 bits") from too_large


def texts(values: Sequence[Any]) -> bytes:
    """Return texts as `text[]`; the zero character, which PostgreSQL cannot keep, is replaced."""
    return _array(values, _TEXT, _text)


def blobs(values: Sequence[Any]) -> bytes:
    """Return bytes as `bytea[]`."""
    return _array(values, _BYTEA, _blob)


def _array(values: Sequence[Any], kind: int, item: Callable[[Any], bytes]) -> bytes:
    first, count = values[0], len(values)
    if values.count(first) == count:  # as in most columns of runs that start together
        return _head(values, kind) + (_NULL if first is None else item(first)) * count
    parts = [_NULL if value is None else item(value) for value in values]
    return _head(values, kind) + b"".join(parts)


def _number(value: int) -> bytes:
    return _NUMBER.pack(8, value)


def _text(value: Any) -> bytes:
    encoded = str(value).encode()
    if b"\0" in encoded:
        encoded = encoded.replace(b"\0", "\ufffd".encode())
    return _LENGTH.pack(len(encoded)) + encoded


def _blob(value: bytes) -> bytes:
    return _LENGTH.pack(len(value)) + value


def _head(values: Sequence[Any], kind: int) -> bytes:
    return _HEAD.pack(1, None in values, kind, len(values), 1)
