"""Durable events a second: the journal beside plain SQLite, in one run, as ratios."""

import asyncio
import sqlite3
import tempfile
import time
from pathlib import Path

from engine import RunStarted, apply
from journal import Journal

EVENTS = 4_000


async def through_the_journal(folder: Path, callers: int) -> float:
    journal = await Journal.open(folder)
    numbers = iter(range(1, EVENTS + 1))

    async def caller() -> None:
        for number in numbers:
            event = RunStarted(number, f"dynamic-workflow-{number}", "w", "1.0.0", "a", {"n": 1})
            await journal.events.start("acme", apply(None, event), [event])

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    taken = time.perf_counter() - began
    await journal.close()
    return EVENTS / taken


def plain_sqlite(folder: Path, a_commit: int) -> float:
    connection = sqlite3.connect(folder / "plain.sqlite3", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, body TEXT)")
    began = time.perf_counter()
    for _ in range(EVENTS // a_commit):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO events (body) VALUES (?)", [("x" * 120,)] * a_commit)
        connection.execute("COMMIT")
    taken = time.perf_counter() - began
    connection.close()
    return EVENTS / taken


def main() -> None:
    print(f"{'callers':>8} {'journal/s':>10} {'plain/s':>10} {'ratio':>6}")
    for callers in (1, 64, 1_000):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            plain = plain_sqlite(Path(other), callers)
            ours = asyncio.run(through_the_journal(Path(one), callers))
        print(f"{callers:>8} {ours:>10.0f} {plain:>10.0f} {ours / plain:>6.2f}")


if __name__ == "__main__":
    main()
