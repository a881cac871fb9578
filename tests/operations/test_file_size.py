"""The WAL file stays bounded, and deleted runs free their disk space."""

import asyncio
import itertools
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Self

import pytest

from journal import WAL_LIMIT_BYTES, Journal
from tests.harness.journals import completed, fill
from tests.harness.upkeep import maintenance

SECONDS = 4.0


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Journal]:
    journal = await Journal.open(folder)
    try:
        yield journal
    finally:
        await journal.close()


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with opened(tmp_path) as one:
        yield one


class Readers:
    """Two slow readers in another process, of which one always holds a snapshot."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.stop = threading.Event()
        self.reads = 0
        self.threads = [threading.Thread(target=self.run, args=(n * 0.15,)) for n in range(2)]

    def run(self, delay_s: float) -> None:
        time.sleep(delay_s)
        with closing(sqlite3.connect(self.file, isolation_level=None, timeout=10)) as connection:
            connection.execute("PRAGMA query_only = ON")
            while not self.stop.is_set():
                connection.execute("BEGIN")
                connection.execute("SELECT count(*) FROM runs").fetchone()
                time.sleep(0.3)
                connection.execute("COMMIT")
                self.reads += 1

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()


async def load(journal: Journal, seconds: float, sizes: list[int], first: int) -> float:
    """Write as fast as possible; return the duration of the slowest round of writes."""
    until, longest = time.monotonic() + seconds, 0.0
    for at in itertools.count(first, 50):
        began = time.monotonic()
        await fill(journal, "acme", completed, range(at, at + 50))
        longest = max(longest, time.monotonic() - began)
        sizes.append(maintenance(journal).wal_bytes)
        if time.monotonic() > until:
            return longest
    raise AssertionError


async def test_the_wal_stays_bounded_despite_slow_readers(journal: Journal) -> None:
    sizes: list[int] = []
    with Readers(journal.file) as readers:
        longest = await load(journal, SECONDS, sizes, 1)
        until = time.monotonic() + 60
        while not maintenance(journal).truncations and time.monotonic() < until:
            longest = max(longest, await load(journal, 1, sizes, len(sizes) * 50 + 1))
    print(f"-wal at most {max(sizes) >> 20} MiB, {maintenance(journal).truncations} times emptied,"
          f" {maintenance(journal).blocked} times blocked, longest round {longest:.2f} s,"
          f" {len(sizes) * 50} runs")  # fmt: skip
    assert readers.reads > SECONDS * 3, "the readers did not read"
    assert max(sizes) > WAL_LIMIT_BYTES, "the readers did not hold the -wal file up"
    assert maintenance(journal).truncations > 0
    assert max(sizes) < 3 * WAL_LIMIT_BYTES
    assert longest < 15


async def test_the_wal_shrinks_after_a_long_reader_ends(journal: Journal) -> None:
    sizes: list[int] = []
    with closing(sqlite3.connect(journal.file, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM runs").fetchone()
        first = 1
        while not maintenance(journal).blocked:
            await load(journal, 1, sizes, first)
            first += 100_000
        assert await journal.tidy(), "the reader did not hold it up"
        connection.execute("COMMIT")
    until = time.monotonic() + 60
    while maintenance(journal).wal_bytes > WAL_LIMIT_BYTES:
        assert time.monotonic() < until
        await journal.tidy()
        await asyncio.sleep(0.1)


async def test_deleted_runs_free_their_disk_space(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await fill(journal, "acme", completed, range(1, 4_001))
        before = pages(journal.file)
        for number in range(1, 3_801):
            await journal.removal.delete("acme", f"dynamic-workflow-{number}", 100)
        for _ in range(100):
            if not await journal.tidy():
                break
            await asyncio.sleep(0.1)
        assert maintenance(journal).failure is None
    after = journal.file.stat().st_size
    print(f"{before} bytes became {after}")
    assert after < before / 3
    async with opened(tmp_path) as journal:
        assert await journal.runs.last_number() == 4_000


def pages(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        (count,) = connection.execute("PRAGMA page_count").fetchone()
    return int(count) * 4096
