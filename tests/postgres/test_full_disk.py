"""A disk on which no table can grow, while small changes find room in the pages that there are."""

import asyncio
import os
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from journal import Journal, Unavailable
from tests.harness.histories import start_run
from tests.harness.postgres import PostgresServer
from tests.harness.small_disk import fill, free, small_disk
from tests.postgres.test_round_trips import begun


async def test_the_journal_is_in_trouble_until_its_tables_can_grow(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    small = postgres.folder / "small"
    with small_disk(small, "32m"):
        owner = postgres.folder.stat()
        os.chown(small, owner.st_uid, owner.st_gid)
        postgres.execute(f"CREATE TABLESPACE small LOCATION '{small}'")
        postgres.execute("CREATE DATABASE small TABLESPACE small")
        try:
            place = replace(postgres.database(), url=postgres.url("small"))
            journal = await Journal.open(tmp_path / "data", database=place)
            try:
                await _filled_and_freed(journal, small / "ballast")
            finally:
                await journal.close()
        finally:
            postgres.execute("DROP DATABASE small WITH (FORCE)")
            postgres.execute("DROP TABLESPACE small")


async def _filled_and_freed(journal: Journal, ballast: Path) -> None:
    health = journal.health
    fill(ballast)
    with pytest.raises(Unavailable, match="No space left"):
        await _start_without_end(journal)
    changes = 0
    for _ in range(5):
        with pytest.raises(Unavailable, match="the disk of PostgreSQL is full"):
            await journal.try_to_write()
        changes += health.changed.is_set()
        health.changed.clear()
    assert changes == 1, "only the reason may change, once"
    free(ballast)
    async with asyncio.timeout(30):
        await health.changed.wait()
    assert health.trouble is None
    await start_run(journal, "acme", *begun(100_000))


async def _start_without_end(journal: Journal) -> None:
    for number in count(1):
        await start_run(journal, "acme", *begun(number))
