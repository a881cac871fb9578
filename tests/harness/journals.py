"""Journals filled directly, without a server, in little time."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import reduce
from pathlib import Path

from engine import (
    Event,
    Parent,
    Pause,
    RunCompleted,
    RunPaused,
    RunStarted,
    StepCompleted,
    StepStarted,
    apply,
)
from journal import Fault, Journal, open_read_only, verify
from tests.harness.histories import start_run

Story = Callable[[int], Sequence[Event]]


def completed(number: int, at_ms: int = 0, workflow: str = "w", parent: int = 0) -> list[Event]:
    """Return the history of a run that has completed."""
    at = at_ms or number
    above = Parent(f"dynamic-workflow-{parent}", "a", 1, 1, number, 1) if parent else None
    return [
        RunStarted(at, f"dynamic-workflow-{number}", workflow, "1.0.0", "a", {"n": "x" * 500}, parent=above),
        StepStarted(at, "a", 1, 1, "end-flow"),
        StepCompleted(at, "a", 1, {"n": number}, {}, None),
        RunCompleted(at, {"n": number}),
    ]  # fmt: skip


def paused(number: int) -> list[Event]:
    """Return the history of a run that is paused for a person."""
    return [
        *completed(number)[:2],
        RunPaused(
            number,
            "a",
            1,
            Pause("collect_inputs", {"stepId": "a", "fields": {"name": {"type": "string"}}}),
        ),
    ]


def apart(story: Story) -> Story:
    """Return the history with a different time for each event, so that each has its own row."""
    return lambda number: [
        replace(event, at_ms=event.at_ms + at) for at, event in enumerate(story(number))
    ]


async def write(journal: Journal, tenant: str, events: Sequence[Event]) -> None:
    run = reduce(apply, events, None)
    assert run is not None
    await start_run(journal, tenant, run, events)


async def fill(journal: Journal, tenant: str, story: Story, numbers: Sequence[int]) -> None:
    """Write one run per number."""
    for at in range(0, len(numbers), 500):
        await asyncio.gather(*(write(journal, tenant, story(n)) for n in numbers[at : at + 500]))


def events_one_by_one(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Create the view `each_event`: `events` as if each event had its own row."""
    connection.execute(
        """
        CREATE TEMP VIEW each_event AS
        SELECT position - json_array_length(kinds) + 1 + kind.key AS position, run,
               seq - json_array_length(kinds) + 1 + kind.key AS seq, kind.value AS type, at_ms,
               one.value AS body
        FROM (SELECT *, '["' || replace(type, ' ', '","') || '"]' AS kinds,
                     iif(schema = 2, body, '[' || body || ']') AS bodies FROM events)
        CROSS JOIN json_each(kinds) kind CROSS JOIN json_each(bodies) one ON one.key = kind.key
        """
    )
    return connection


def filled(folder: Path, story: Story, numbers: Sequence[int], tenant: str = "acme") -> None:
    """Fill the journal in a folder, and close it."""

    async def work() -> None:
        journal = await Journal.open(folder)
        await fill(journal, tenant, story, numbers)
        await journal.close()

    asyncio.run(work())


def faults(folder: Path) -> list[Fault]:
    """Return the faults that `verify` finds."""
    with closing(open_read_only(folder / "journal.sqlite3")) as connection:
        return verify(connection, lambda _: None).faults


def change(folder: Path, *statements: str) -> None:
    """Change the database without Stepwell's knowledge."""
    with closing(sqlite3.connect(folder / "journal.sqlite3", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
