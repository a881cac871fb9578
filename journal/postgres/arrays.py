"""Columns of rows as arrays in PostgreSQL's binary format: many rows are one parameter each."""

from collections.abc import Sequence
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
    head = _head(values, _INT8)
    try:
        if None in values:
            return head + b"".join([_NULL if n is None else _NUMBER.pack(8, n) for n in values])
        return head + pack("!" + "iq" * len(values), *chain.from_iterable((8, n) for n in values))
    except error as too_large:
        raise ValueError("PostgreSQL cannot keep a number of more than 64 bits") from too_large


def texts(values: Sequence[Any]) -> bytes:
    """Return texts as `text[]`; the zero character, which PostgreSQL cannot keep, is replaced."""
    parts = [_head(values, _TEXT)]
    for value in values:
        if value is None:
            parts.append(_NULL)
            continue
        encoded = str(value).encode()
        if b"\0" in encoded:
            encoded = encoded.replace(b"\0", "\ufffd".encode())
        parts.append(_LENGTH.pack(len(encoded)))
        parts.append(encoded)
    return b"".join(parts)


def blobs(values: Sequence[Any]) -> bytes:
    """Return bytes as `bytea[]`."""
    parts = [_NULL if value is None else _LENGTH.pack(len(value)) + value for value in values]
    return _head(values, _BYTEA) + b"".join(parts)


def _head(values: Sequence[Any], kind: int) -> bytes:
    return _HEAD.pack(1, None in values, kind, len(values), 1)
