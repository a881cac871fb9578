"""The cost of a batch: one round trip to the server, whatever it has to write."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import reduce
from itertools import count
from pathlib import Path

import pytest
import uvloop

from engine import Event, Run, RunStarted, apply
from journal import Conflict, Database, Head, Journal, Unavailable
from tests.harness.histories import append_events, start_run
from tests.harness.journals import completed
from tests.harness.postgres import PostgresServer
from tests.harness.trips import CountedTrips

LARGE = 'ä\\"\0 ' * 400_000


@asynccontextmanager
async def opened(folder: Path, database: Database) -> AsyncIterator[Journal]:
    journal = await Journal.open(folder, database=database)
    try:
        yield journal
    finally:
        await journal.close()


def begun(number: int) -> tuple[Run, list[Event]]:
    events = completed(number)[:2]
    run = reduce(apply, events, None)
    assert run is not None
    return run, events


async def on(journal: Journal, head: Head, number: int) -> Head:
    """Append the end of a run that has begun."""
    run = reduce(apply, completed(number), None)
    assert run is not None
    return await append_events(journal, head, completed(number)[2:], run)


async def test_a_batch_is_one_trip_and_a_conflict_in_it_fails_alone(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    database = postgres.database()
    with CountedTrips(tmp_path, postgres.folder) as counted:
        way = replace(database, url=f"postgresql://stepwell@/postgres?host={tmp_path}")
        async with opened(tmp_path / "data", way) as journal:
            await start_run(journal, "acme", *begun(1))
            trips = counted.trips
            heads = await asyncio.gather(
                *(start_run(journal, "acme", *begun(number)) for number in range(2, 40))
            )
            assert counted.trips == trips + 1
            answers = await asyncio.gather(
                *(on(journal, head, at) for at, head in enumerate(heads, start=2)),
                start_run(journal, "acme", *begun(40)),
            )
            assert counted.trips == trips + 2
            assert len(answers) == 39
            refused = await asyncio.gather(
                on(journal, heads[0], 2),
                *(start_run(journal, "acme", *begun(number)) for number in (41, 42)),
                return_exceptions=True,
            )
            assert [type(one) for one in refused] == [Conflict, Head, Head]
            trips = counted.trips
            await journal.try_to_write()
            assert counted.trips <= trips + 2
            for number in (2, 41):
                _, events = await journal.events.read(f"dynamic-workflow-{number}")
                assert events == completed(number)[: len(events)]


async def test_large_data_also_takes_one_trip(postgres: PostgresServer, tmp_path: Path) -> None:
    async with opened(tmp_path / "data", postgres.database()) as journal:
        for number, others in ((1, 1), (2, 600)):  # the second is too large for the event loop
            events = completed(number)[:2]
            assert isinstance(events[0], RunStarted)
            events[0] = replace(events[0], data={"text": LARGE.replace("\0", "")})
            run = reduce(apply, events, None)
            assert run is not None
            starts = (start_run(journal, "acme", *begun(number * 1_000 + n)) for n in range(others))
            await asyncio.gather(start_run(journal, "acme", run, events), *starts)
            _, found = await journal.events.read(run.id)
            assert found == events


def test_a_connection_reset_by_the_server_is_replaced(tmp_path: Path) -> None:
    """uvloop does not report the reset to the event loop."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def goes_on(alone: PostgresServer) -> None:
        place = Database(f"postgresql://stepwell@127.0.0.1:{port}/postgres")
        async with opened(tmp_path / "data", place) as journal:
            await start_run(journal, "acme", *begun(1))
            others = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
            assert alone.execute(
                f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}"
            )
            async with asyncio.timeout(30):
                with pytest.raises(Unavailable, match="closed the connection"):
                    await start_run(journal, "acme", *begun(2))
                await start_run(journal, "acme", *begun(3))

    with PostgresServer(listen_addresses="127.0.0.1", port=str(port)) as alone:
        uvloop.run(goes_on(alone))


async def test_a_read_that_the_server_does_not_answer_is_repeated_on_a_new_connection(
    tmp_path: Path,
) -> None:
    with PostgresServer() as alone:
        place = replace(alone.database(), statement_timeout_s=0.5)
        async with opened(tmp_path / "data", place) as journal:
            await start_run(journal, "acme", *begun(1))
            for _ in range(2 * place.readers):
                await journal.events.read("dynamic-workflow-1")
            readers = [
                pid
                for (pid,) in alone.execute(
                    "SELECT pid FROM pg_stat_activity WHERE application_name = 'stepwell'"
                    " AND query LIKE 'SELECT r.tenant%'"
                )
            ]
            assert readers
            for pid in readers:
                os.kill(pid, signal.SIGSTOP)
            try:
                async with asyncio.timeout(30):
                    _, events = await journal.events.read("dynamic-workflow-1")
                assert events == begun(1)[1]
            finally:
                for pid in readers:
                    os.kill(pid, signal.SIGCONT)


def wait_for_nobody(alone: PostgresServer) -> None:
    alone.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    alone.execute("SELECT pg_reload_conf()")


async def kept_waiting(journal: Journal, numbers: Iterator[int]) -> asyncio.Task[object]:
    """Return a start that waits; earlier ones may pass before the server has new settings."""
    while True:
        starting = asyncio.create_task(start_run(journal, "acme", *begun(next(numbers))))
        while not starting.done() and journal.health.waits_s < 0.1:  # noqa: ASYNC110 - time passes
            await asyncio.sleep(0.02)
        if not starting.done():
            return starting
        await starting


async def test_a_commit_that_waits_for_a_lost_standby_is_abandoned(tmp_path: Path) -> None:
    with PostgresServer() as alone:
        place = replace(alone.database(), statement_timeout_s=0.5)
        journal = await Journal.open(tmp_path / "data", database=place)
        await start_run(journal, "acme", *begun(1))
        assert journal.health.waits_s == 0
        wait_for_nobody(alone)
        starting = await kept_waiting(journal, count(2))
        async with asyncio.timeout(30):
            await journal.close()
        with pytest.raises(Unavailable, match="has not answered"):
            await starting


async def test_a_commit_whose_wait_for_a_standby_was_cancelled_is_not_acknowledged(
    tmp_path: Path,
) -> None:
    """The server reports success with a warning."""
    with PostgresServer() as alone:
        async with opened(tmp_path / "data", alone.database()) as journal:
            await start_run(journal, "acme", *begun(1))
            wait_for_nobody(alone)
            numbers = count(2)
            for _ in range(2):
                starting = await kept_waiting(journal, numbers)
                waits = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                while not starting.done():
                    alone.execute(f"{waits} WHERE wait_event = 'SyncRep'")
                    await asyncio.sleep(0.01)
                with pytest.raises(Unavailable, match="synchronous replication"):
                    await starting
            alone.execute("ALTER SYSTEM RESET ALL")
            alone.execute("SELECT pg_reload_conf()")
            await start_run(journal, "acme", *begun(next(numbers)))
