"""Writes the rows of appends in a few statements, each taking all rows of a kind as arrays.

Rows that violate a constraint raise an error in the server. Nothing sent after them is then
executed, not even a commit, so the next statement can be sent without waiting for the result.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple, TypeAlias, get_args

from journal.postgres.arrays import bigints, blobs, texts
from journal.postgres.dialect import translated
from journal.rows.event_rows import Row, count_of
from journal.rows.run_projection import (
    INSERT_PLAIN_RUN,
    INSERT_RUN,
    MOVE,
    MOVES,
    PLAIN_COLUMNS,
    TURN,
    TURNS,
    RunProjection,
    Statement,
)

DOES_NOT_FIT = "22012"
"""The code of the error, a division by zero, where a run's row is not where an append continues."""

_Array: TypeAlias = Callable[[Sequence[Any]], bytes]
_ARRAYS: Mapping[str, _Array] = {"bigint": bigints, "text": texts, "bytea": blobs}
_KINDS = {int: "bigint", str: "text", bytes: "bytea"}
_MARK = re.compile("%[s%]")


class Sent(NamedTuple):
    """A statement and its values; `is_binary` says in which of the two formats these are."""

    sql: bytes
    values: Sequence[bytes | None] = ()
    is_binary: bool = False


def sent(runs: Iterable[Statement], events: Sequence[Row]) -> list[Sent]:
    """Return the statements that write rows of appends; those of runs come first.

    Events refer to the rows of runs. Raises `ValueError` for what PostgreSQL cannot store.
    """
    by_statement: dict[str, list[Row]] = {}
    for sql, row in runs:
        by_statement.setdefault(sql, []).append(row)
    made: list[Sent] = []
    for sql, rows in by_statement.items():
        together = _TOGETHER.get(sql)
        made += [_one(sql, row) for row in rows] if together is None else [together.of(rows)]
    if events:
        after = accumulate(count_of(row[2]) for row in events)
        made.append(_EVENTS.of([(at, *row) for at, row in zip(after, events, strict=True)]))
    return made


class _Together:
    """A statement over rows, which are given as an array a column."""

    def __init__(self, sql: str, kinds: Mapping[str, str]) -> None:
        """Take the text, in which `{given}` stands for the rows, and each column's type."""
        arrays = ", ".join(f"${at}::{kind}[]" for at, kind in enumerate(kinds.values(), 1))
        self._sql = sql.format(given=f"unnest({arrays}) AS given ({', '.join(kinds)})").encode()
        self._arrays = [_ARRAYS[kind] for kind in kinds.values()]

    def of(self, rows: Sequence[Sequence[Any]]) -> Sent:
        columns = zip(*rows, strict=True)
        made = [array(column) for array, column in zip(self._arrays, columns, strict=True)]
        return Sent(self._sql, made, is_binary=True)


def _kind(column: str) -> str:
    annotation = RunProjection.__annotations__[column]
    return _KINDS[(get_args(annotation) or (annotation,))[0]]


WAITS_SINCE = "waits_since_ms"
"""When a run began to wait for a signal; not in every append, since it is indexed."""

_SINCE = "CASE WHEN given.signal_name IS NOT NULL THEN given.updated_at_ms END"


def _inserts(names: Sequence[str]) -> _Together:
    kinds = {name: _kind(name) for name in names}
    values = {name: name for name in names}
    if "signal_name" in values:
        values[WAITS_SINCE] = _SINCE
    said = ", ".join(values.values())
    return _Together(f"INSERT INTO runs ({', '.join(values)}) SELECT {said} FROM {{given}}", kinds)


def _moves(names: Sequence[str]) -> _Together:
    kinds = {name: _kind(name) for name in names} | {"number": "bigint", "was_at": "bigint"}
    changes = {name: f"given.{name}" for name in names}
    if "signal_name" in changes:
        changes[WAITS_SINCE] = _SINCE
    said = ", ".join(f"{at} = {new}" for at, new in changes.items())
    return _Together(
        f"WITH moved AS (UPDATE runs SET {said}"
        " FROM {given} WHERE runs.id = given.number AND runs.seq = given.was_at RETURNING 1)"
        " SELECT 1 / CAST(count(*) = array_length($1, 1) AS int) FROM moved",
        kinds,
    )


_TOGETHER: Mapping[str, _Together] = {
    INSERT_RUN: _inserts(RunProjection._fields),
    INSERT_PLAIN_RUN: _inserts(PLAIN_COLUMNS),
    MOVE: _moves(MOVES),
    TURN: _moves(TURNS + MOVES),
}

_EVENT_KINDS = {
    "after": "bigint", "run": "bigint", "seq": "bigint", "type": "text", "schema": "bigint",
    "at_ms": "bigint", "body": "text", "hash": "bytea",
}  # fmt: skip

_EVENTS = _Together(
    "WITH given AS (SELECT * FROM {given}), noted AS (UPDATE sequences"
    " SET seq = seq + (SELECT max(after) FROM given) WHERE name = 'events' RETURNING seq)"
    " INSERT INTO events (position, run, seq, type, schema, at_ms, body, hash)"
    " SELECT (SELECT seq FROM noted) - (SELECT max(after) FROM given) + after, run, seq, type,"
    " schema, at_ms, body, hash FROM given",
    _EVENT_KINDS,
)


def _one(sql: str, row: Sequence[Any]) -> Sent:
    said = translated(sql)
    return Sent(_numbered(said.text), [_as_text(value) for value in said.values(row)])


@lru_cache(maxsize=64)
def _numbered(text: str) -> bytes:
    """Return a statement with the server's placeholders instead of psycopg's."""
    count = 0

    def mark(found: re.Match[str]) -> str:
        nonlocal count
        if found[0] == "%%":
            return "%"
        count += 1
        return f"${count}"

    return _MARK.sub(mark, text).encode()


def _as_text(value: Any) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return b"\\x" + value.hex().encode()
    if isinstance(value, list):
        escaped = [str(one).replace("\\", "\\\\").replace('"', '\\"') for one in value]
        return (
            ("{" + ",".join(f'"{one}"' for one in escaped) + "}").replace("\0", "\ufffd").encode()
        )
    return str(value).replace("\0", "\ufffd").encode()
