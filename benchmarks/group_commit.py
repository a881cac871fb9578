"""Group commit in its simplest form: the limit for asyncio callers and one SQLite thread.

Each caller waits until its row is durable, then sends the next. Rows that arrive while one
transaction is written go into the next. No event is encoded, hashed, folded or listed.
"""

import asyncio
import sqlite3
import time
from pathlib import Path

_BODY = "x" * 120
_LARGEST = 2_000


def rate(folder: Path, callers: int, seconds: float) -> float:
    """Return durable rows per second for this many callers, with synchronous=FULL in WAL mode."""
    file = folder / f"group-{callers}-{time.monotonic_ns()}.sqlite3"
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, body TEXT)")
        return asyncio.run(_run(connection, callers, seconds))
    finally:
        connection.close()


async def _run(connection: sqlite3.Connection, callers: int, seconds: float) -> float:
    waiting: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()
    began = time.perf_counter()
    written = 0

    def write(rows: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO events (body) VALUES (?)", [(_BODY,)] * rows)
        connection.execute("COMMIT")

    async def writer() -> None:
        nonlocal written
        while True:
            batch = [await waiting.get()]
            while len(batch) < _LARGEST and not waiting.empty():
                batch.append(waiting.get_nowait())
            await asyncio.to_thread(write, len(batch))
            written += len(batch)
            for done in batch:
                done.set_result(None)

    async def caller() -> None:
        while time.perf_counter() - began < seconds:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiting.put_nowait(done)
            await done

    writing = asyncio.create_task(writer())
    await asyncio.gather(*(caller() for _ in range(callers)))
    taken = time.perf_counter() - began
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    return written / taken
