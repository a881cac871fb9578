"""The locks of processes: places, shares of shards, and sessions that are cut while they open."""

import asyncio
import contextlib
import multiprocessing
from collections.abc import Awaitable, Callable
from functools import partial

import psycopg
import pytest
import uvloop

from journal import LockView, processes_of
from journal.postgres import lock_kinds, sessions
from journal.postgres.address import Address
from journal.postgres.connection import PostgresConnection, lock_of
from journal.postgres.sessions import PostgresLocks
from journal.processes import shared_owners
from journal.processes.locks import SessionLost
from journal.processes.shared_owners import SharedOwners
from tests.harness.postgres import PostgresServer


def address_of(postgres: PostgresServer, schema: str) -> Address:
    return Address.read(postgres.url(), schema=schema, statement_timeout_ms=3_000, relaxed=True)


def locks_on(postgres: PostgresServer, schema: str) -> PostgresLocks:
    return PostgresLocks(address_of(postgres, schema))


async def until(holds: Callable[[], bool], within_s: float = 20) -> None:
    for _ in range(round(within_s / 0.02)):
        if holds():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it does not come to that")


async def test_shards_are_shared_equally_and_released_when_a_session_ends(
    postgres: PostgresServer,
) -> None:
    both = [SharedOwners(locks_on(postgres, "shared")) for _ in range(2)]
    held = [locks for owner in both if isinstance(locks := owner._locks, PostgresLocks)]
    tasks = [asyncio.create_task(owner.run()) for owner in both]
    await until(lambda: [len(owner.shards) for owner in both] == [32, 32])
    assert not set(both[0].shards) & set(both[1].shards)
    with psycopg.connect(postgres.url(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (held[1].backend,))
    tasks[1].cancel()
    await until(lambda: len(both[0].shards) == 64)
    await both[0].close(0)
    assert not both[0].shards
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for locks in held:
        await locks.close()


async def test_a_batch_that_stays_half_sent_does_not_keep_others_from_writing(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = address_of(postgres, "half")
    lock = f"pg_try_advisory_xact_lock({lock_of(address, 'writer')})"
    monkeypatch.setattr(lock_kinds, "STUCK_S", 0.2)
    looking = locks_on(postgres, "half")
    await looking.open()
    with contextlib.closing(PostgresConnection(address, writes=True)) as suspended:
        half = suspended.raw.pgconn
        half.enter_pipeline_mode()
        half.send_query_params(f"SELECT {lock}".encode(), [])
        half.send_flush_request()
        half.flush()
        await until(lambda: postgres.execute(f"SELECT {lock}") == [(False,)])
        async with asyncio.timeout(20):
            while postgres.execute(f"SELECT {lock}") == [(False,)]:
                await looking.look()
    await looking.close()


async def test_released_shards_are_taken_before_all_are_released(
    postgres: PostgresServer,
) -> None:
    leaves, stays = (SharedOwners(locks_on(postgres, "leaving")) for _ in range(2))
    tasks = [asyncio.create_task(owner.run()) for owner in (leaves, stays)]
    await until(lambda: [len(leaves.shards), len(stays.shards)] == [32, 32])
    busy = set(sorted(leaves.shards)[:1])
    leaves.under_way = lambda: busy  # a step that takes long
    closing = asyncio.create_task(leaves.close(60))
    await until(lambda: [len(leaves.shards), len(stays.shards)] == [1, 63])
    connection = PostgresConnection(address_of(postgres, "leaving"), writes=False)
    with contextlib.closing(connection):
        rows = processes_of(connection, "leaving")
    assert [(row.place is None, row.shards) for row in rows] == [(False, 63), (True, 1)]
    busy.clear()
    await closing
    await until(lambda: len(stays.shards) == 64)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_shards_dropped_before_a_late_answer_are_taken_again(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_owners, "_SURE_S", 1.5)
    monkeypatch.setattr(shared_owners, "_LOOK_EVERY_S", 0.2)
    locks = locks_on(postgres, "late")
    owner, look, late = SharedOwners(locks), locks.look, list[LockView]()
    task = asyncio.create_task(owner.run())
    await until(lambda: len(owner.shards) == 64)

    async def look_late() -> LockView:
        view = await look()
        while owner.shards:  # noqa: ASYNC110 - until the process may have lost its locks
            await asyncio.sleep(0.01)
        late.append(view)
        monkeypatch.setattr(locks, "look", look)
        return view

    monkeypatch.setattr(locks, "look", look_late)
    await until(lambda: bool(late))
    await until(lambda: len(owner.shards) == 64)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert locks.backend is None  # nothing stays locked by an abandoned session


async def test_a_session_cut_off_while_it_opens_keeps_no_place(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, locked = locks_on(postgres, "cut"), sessions._is_locked

    async def late(*given: object) -> bool:
        is_locked = await locked(*given)  # type: ignore[arg-type] # passed on unchanged
        await asyncio.sleep(60)
        return is_locked

    with monkeypatch.context() as patch:
        patch.setattr(sessions, "_is_locked", late)
        opening = asyncio.create_task(slow.open())
        await asyncio.sleep(0.3)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
    next_one = locks_on(postgres, "cut")
    await next_one.open()
    seen = [await next_one.look()]
    for _ in range(20):  # the server takes a moment to notice the end of a session
        if seen[-1].processes > 1:
            await asyncio.sleep(0.1)
            seen.append(await next_one.look())
    assert seen[-1].processes == 1
    await next_one.close()


async def _closed_while_asked(url: str) -> None:
    address = Address.read(url, schema="closing", statement_timeout_ms=3_000, relaxed=True)

    async def answered(asked: Awaitable[object]) -> bool:
        with contextlib.suppress(SessionLost):
            await asked
        return True

    for turns in range(40):
        locks = PostgresLocks(address)
        await locks.open()
        asking = (locks.look(), locks.notify("closing", ["x"]))
        tasks = [asyncio.create_task(answered(one)) for one in asking]
        for _ in range(turns % 4):
            await asyncio.sleep(0)
        await locks.close()
        assert all(await asyncio.gather(*tasks))


def _in_uvloop(url: str) -> None:
    uvloop.run(_closed_while_asked(url))


def test_closing_a_session_during_a_query_does_not_abort_the_process(
    postgres: PostgresServer,
) -> None:
    """Libuv aborts the process if it is to wait for a closed socket."""
    asked = partial(_in_uvloop, postgres.url())
    process = multiprocessing.get_context("fork").Process(target=asked)
    process.start()
    process.join(60)
    assert process.exitcode == 0
