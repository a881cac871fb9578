"""Fill a journal with copies of one run's history, each with its own hash chain.

The rows are those that the server would have written, created by the journal's own functions,
but written in bulk and without flushes: this takes seconds where the server would take hours.
"""

import asyncio
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from engine import Event, RunStarted, fold
from journal import DATABASE, Journal
from journal.rows.chain import first_link
from journal.rows.event_rows import rows_of
from journal.rows.run_ids import run_id, run_number
from journal.rows.run_projection import INSERT_RUN, projection, turn_of
from journal.writing.transaction import write_rows

Row = tuple[Any, ...]
_AT_ONCE = 2_000


def history(data: Path, wanted: str) -> tuple[str, list[Event]]:
    """Return the tenant and the events of a run; the server must be stopped."""

    async def read() -> tuple[str, list[Event]]:
        journal = await Journal.open(data)
        try:
            head, events = await journal.events.read(wanted)
            return head.tenant, events
        finally:
            await journal.close()

    return asyncio.run(read())


def copy_runs(data: Path, tenant: str, events: Sequence[Event], count: int) -> None:
    """Add `count` runs with this history, all older than it; the server must be stopped."""
    connection = sqlite3.connect(data / DATABASE, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -200000")
        (oldest,) = connection.execute("SELECT min(id) FROM runs").fetchone()
        numbers = iter(range(oldest - count, oldest))
        while some := list(islice(numbers, _AT_ONCE)):
            runs, rows = _rows(tenant, events, some)
            connection.execute("BEGIN IMMEDIATE")
            write_rows(connection, [(INSERT_RUN, row) for row in runs], rows)
            connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA synchronous = FULL")
    finally:
        connection.close()


def plain_rate(data: Path, runs: int, events_a_commit: int) -> float:
    """Return events per second when plain sqlite3 writes such prepared rows at FULL.

    The rows are copies of the newest run of a folder that no server uses.
    """
    connection = sqlite3.connect(data / DATABASE, isolation_level=None)
    try:
        newest, oldest = connection.execute("SELECT max(id), min(id) FROM runs").fetchone()
        tenant, events = history(data, run_id(newest))
        numbers = range(oldest - runs, oldest)
        at_once = max(1, events_a_commit // len(events))
        batches = [
            _rows(tenant, events, numbers[at : at + at_once]) for at in range(0, runs, at_once)
        ]
        connection.execute("PRAGMA synchronous = FULL")
        began = time.perf_counter()
        for run_rows, event_rows in batches:
            connection.execute("BEGIN IMMEDIATE")
            write_rows(connection, [(INSERT_RUN, row) for row in run_rows], event_rows)
            connection.execute("COMMIT")
        return runs * len(events) / (time.perf_counter() - began)
    finally:
        connection.close()


def _rows(
    tenant: str, events: Sequence[Event], numbers: Iterable[int]
) -> tuple[list[Row], list[Row]]:
    first = events[0]
    assert isinstance(first, RunStarted)
    run = fold(events)
    row = projection(tenant, run, b"", turn_of(run))
    assert row.id == run_number(first.run_id)
    runs: list[Row] = []
    rows: list[Row] = []
    for number in numbers:
        own = [replace(first, run_id=run_id(number)), *events[1:]]
        more, digest, _ = rows_of(number, 0, first_link(number), own)
        rows += more
        runs.append(row._replace(id=number, head=digest))
    return runs, rows
