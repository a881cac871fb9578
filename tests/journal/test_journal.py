"""Guarantees of the journal, on a real file."""

import asyncio
import errno
import fcntl
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import (
    Json,
    Parent,
    Run,
    RunStarted,
    RunTerminated,
    StepCompleted,
    StepStarted,
    apply,
    fold,
)
from journal import (
    Conflict,
    Corrupt,
    Damaged,
    DuplicateStart,
    FolderUnusable,
    IdempotencyKey,
    Journal,
    LeftBehind,
    Locked,
    RunFilter,
    Unavailable,
    UnknownRun,
    UsedKey,
)
from journal.connection import Values
from journal.rows.codec import SCHEMA, decode, encode
from journal.sqlite import durable_files
from journal.sqlite.lock import FolderLock
from journal.sqlite.maintenance import Maintenance
from tests.harness.histories import append_events, start_run

JSON: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = await Journal.open(tmp_path)
    yield opened
    await opened.close()


def started(number: int) -> tuple[Run, RunStarted]:
    event = RunStarted(number, f"dynamic-workflow-{number}", "w", "1.0.0", "a", {"n": number})
    return apply(None, event), event


@given(JSON)
def test_an_event_is_equal_after_encoding_and_decoding(value: Json) -> None:
    event = StepCompleted(7, "a", 1, value, {"x": value}, "b", {"y": [value]}, ["z"])
    assert decode("StepCompleted", SCHEMA, 7, encode(event)) == event


@pytest.mark.parametrize(("kind", "schema", "body"), [
    ("Nonsense", 1, "{}"), ("RunCancelled", 2, "{}"), ("RunCancelled", 1, '{"more": 1}'),
])  # fmt: skip
def test_an_unknown_event_is_an_error(kind: str, schema: int, body: str) -> None:
    with pytest.raises(ValueError, match="does"):
        decode(kind, schema, 1, body)


@pytest.mark.parametrize("text", [
    "[" * 250 + "]" * 250, '"\\ud800"', "1e400", "5e-324", "0.1", "-0.0", "1" * 4_000, '{"a":1,"a":2}',
])  # fmt: skip
def test_values_are_read_as_the_standard_library_reads_them(text: str) -> None:
    event = decode(
        "StepCompleted",
        SCHEMA,
        7,
        f'{{"step_id":"a","output":{text},"data":{{}},"next_step":null}}',
    )
    assert isinstance(event, StepCompleted)
    assert repr(event.output) == repr(json.loads(text))


async def test_appended_events_are_there_after_reopening(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    run, event = started(5)
    head = await start_run(journal, "acme", run, [event])
    step = StepStarted(6, "a", 1, 1, "t")
    await append_events(journal, head, [step], apply(run, step))
    await journal.close()
    journal = await Journal.open(tmp_path)
    _, events = await journal.events.read(run.id, "acme")
    assert fold(events) == run
    with pytest.raises(UnknownRun):
        await journal.events.read(run.id, "other")
    assert await journal.runs.unfinished(0, 10) == [LeftBehind(5, "acme", 2)]
    assert await journal.runs.last_number() == 5
    await journal.close()


async def test_one_conflict_among_many_appends_fails_alone(journal: Journal) -> None:
    run, event = started(1)
    head = await start_run(journal, "acme", run, [event])
    step = StepStarted(6, "a", 1, 1, "t")
    apply(run, step)
    writes = [append_events(journal, head, [step], run) for _ in range(2)]
    writes += [start_run(journal, "acme", *_pair(number)) for number in range(2, 200)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    failed = [result for result in results if isinstance(result, BaseException)]
    assert [type(failure) for failure in failed] == [Conflict]


async def test_one_start_that_cannot_be_stored_among_many_fails_alone(journal: Journal) -> None:
    odd, event = started(1)
    odd.workflow_id = "\ud800"
    writes = [start_run(journal, "acme", odd, [event])]
    writes += [start_run(journal, "acme", *_pair(number)) for number in range(2, 10)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    failed = [result for result in results if isinstance(result, BaseException)]
    assert [type(failure) for failure in failed] == [UnicodeEncodeError]


def _pair(number: int) -> tuple[Run, list[RunStarted]]:
    run, event = started(number)
    return run, [event]


async def test_many_appends_share_commits(journal: Journal) -> None:
    before = journal.counters.commits
    await asyncio.gather(*(start_run(journal, "acme", *_pair(n)) for n in range(1, 501)))
    assert journal.counters.commits - before < 50


async def test_a_cancelled_append_does_not_affect_others(journal: Journal) -> None:
    tasks = [asyncio.create_task(start_run(journal, "acme", *_pair(n))) for n in range(1, 50)]
    await asyncio.sleep(0)
    tasks[7].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(result, BaseException) for result in results) == 1
    _, events = await journal.events.read("dynamic-workflow-8")
    assert len(events) == 1


@pytest.mark.data_folder
async def test_a_wal_file_that_cannot_be_read_does_not_stop_the_writer(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    assert isinstance(journal.upkeep, Maintenance)
    journal.upkeep.look_every_s = 0
    monkeypatch.setattr(os, "pread", unreadable)
    async with asyncio.timeout(5):
        for number in range(1, 4):
            await start_run(journal, "acme", *_pair(number))
    assert "Input/output error" in str(journal.upkeep.failure)


async def test_an_answer_that_fails_does_not_stop_the_writer(journal: Journal) -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    def fails(_: object) -> None:
        raise RuntimeError("a fault of whoever is answered")

    journal.events.start("acme", *_pair(1), fails)
    async with asyncio.timeout(5):
        await start_run(journal, "acme", *_pair(2))
    assert [str(one["exception"]) for one in told] == ["a fault of whoever is answered"]


async def test_a_writer_that_fails_refuses_all_writes_instead_of_leaving_them_unanswered(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    def fails(*_: object) -> None:
        raise RuntimeError("a fault of the upkeep")

    monkeypatch.setattr(journal._writer, "_after_batch", fails)
    await start_run(journal, "acme", *_pair(1))
    async with asyncio.timeout(5):
        for number in (2, 3):
            with pytest.raises(Unavailable, match="the writer has failed"):
                await start_run(journal, "acme", *_pair(number))
    assert journal.health.is_over
    assert [one["message"] for one in told] == ["the writer has failed"]


async def test_an_idempotency_key_starts_one_run(journal: Journal) -> None:
    run, event = started(1)
    key = IdempotencyKey("k", "print")
    await start_run(journal, "acme", run, [event], idempotency=key)
    for wanted, same in ((key, True), (replace(key, fingerprint="other"), False)):
        with pytest.raises(DuplicateStart) as duplicate:
            await start_run(journal, "acme", *_pair(2), idempotency=wanted)
        assert (duplicate.value.run_id, duplicate.value.same) == (run.id, same)
    await start_run(journal, "other", *_pair(3), idempotency=key)
    with pytest.raises(Conflict):
        await start_run(journal, "acme", run, [event], idempotency=replace(key, key="unused"))
    assert await journal.start_keys.used("acme", "unused") is None


@pytest.mark.data_folder
@pytest.mark.parametrize("harm", [
    "UPDATE events SET body = replace(body, '5', '6') WHERE seq = 1",
    "UPDATE events SET at_ms = at_ms + 1 WHERE seq = 2",
    "DELETE FROM events WHERE seq = 1",
    "DELETE FROM events WHERE seq = 2",
    "UPDATE events SET seq = 3 - seq + 10; UPDATE events SET seq = seq - 10",
])  # fmt: skip
async def test_a_changed_removed_or_reordered_event_is_detected(tmp_path: Path, harm: str) -> None:
    journal = await Journal.open(tmp_path)
    run, event = started(5)
    head = await start_run(journal, "acme", run, [event])
    step = StepStarted(6, "a", 1, 1, "t")
    await append_events(journal, head, [step], apply(run, step))
    await journal.close()
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as connection, connection:
        connection.executescript(harm)
    connection.close()
    journal = await Journal.open(tmp_path)
    with pytest.raises(Corrupt):
        await journal.events.read(run.id)
    await journal.close()


@pytest.mark.data_folder
async def test_the_writer_syncs_fully_and_readers_cannot_write(journal: Journal) -> None:
    writer = journal._writer._connection
    assert [tuple(row) for row in await writer.execute_fetchall("PRAGMA synchronous")] == [(2,)]
    assert [tuple(row) for row in await writer.execute_fetchall("PRAGMA journal_mode")] == [
        ("wal",)
    ]
    for reader in journal._readers._connections:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await reader.execute_fetchall("DELETE FROM events")


async def test_another_process_cannot_open_the_folder(journal: Journal, tmp_path: Path) -> None:
    with pytest.raises(Locked):
        await Journal.open(tmp_path)
    program = (
        "import asyncio, pathlib, journal\n"
        f"asyncio.run(journal.Journal.open(pathlib.Path({str(tmp_path)!r})))"
    )
    other = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert b"Locked" in other.stderr


def test_a_new_data_folder_is_on_disk_with_those_above_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []
    monkeypatch.setattr(durable_files, "sync", flushed.append)
    for _ in range(2):
        FolderLock(tmp_path / "new" / "data").release()
    assert flushed == [tmp_path / "new", tmp_path]


def test_a_file_system_without_locks_is_not_called_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    before = {*Path("/proc/self/fd").iterdir()}
    with pytest.raises(FolderUnusable, match=f"No locks available: '{tmp_path}/stepwell.lock'"):
        FolderLock(tmp_path)
    assert {*Path("/proc/self/fd").iterdir()} == before


@pytest.mark.data_folder
@pytest.mark.parametrize("content", [b"", b"garbage that is no database" * 100, None])
async def test_a_damaged_database_is_refused_and_left_alone(
    tmp_path: Path, content: bytes | None
) -> None:
    await (await Journal.open(tmp_path)).close()
    file = tmp_path / "journal.sqlite3"
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(Damaged):
        await Journal.open(tmp_path)
    assert (file.read_bytes() if file.exists() else None) == content


@pytest.mark.data_folder
async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    await (await Journal.open(tmp_path)).close()
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as connection, connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(Damaged, match="newer"):
        await Journal.open(tmp_path)


async def test_events_of_other_tenants_are_not_read(journal: Journal) -> None:
    run, event = started(1)
    await start_run(journal, "acme", run, [event])
    read = [0]
    ask = journal._readers.all

    async def counted(sql: str, values: Values = ()) -> list[Any]:
        rows = await ask(sql, values)
        read[0] += len(rows)
        return rows

    journal._readers.all = counted  # type: ignore[method-assign] # counts rows
    for tenant in ("acme", None):
        await journal.events.read(run.id, tenant)
    assert read == [2]
    with pytest.raises(UnknownRun):
        await journal.events.read(run.id, "other")
    assert read == [2]


async def test_an_idempotency_key_outlives_its_run_until_it_expires(journal: Journal) -> None:
    key = IdempotencyKey("k", "f")
    run, event = started(5)
    ended = fold([event, RunTerminated(6)])
    await start_run(journal, "acme", ended, [event, RunTerminated(6)], idempotency=key)
    await journal.start_keys.forget(1_000)
    assert await journal.start_keys.used("acme", "k") == UsedKey(run.id, "f", is_deleted=False)
    await journal.removal.delete("acme", run.id, 10)
    assert await journal.start_keys.used("acme", "k") == UsedKey(run.id, "f", is_deleted=True)
    with pytest.raises(DuplicateStart):
        await start_run(journal, "acme", *_pair(7), idempotency=key)
    assert [await journal.start_keys.forget(at_ms) for at_ms in (5, 6, 6)] == [0, 1, 0]
    assert await journal.start_keys.used("acme", "k") is None


async def test_a_run_tree_is_stopped_from_its_topmost_selected_run(journal: Journal) -> None:
    for number, parent in ((1, None), (2, 1), (3, 2), (4, None)):
        _, event = started(number)
        above = Parent(f"dynamic-workflow-{parent}", "a", 1, 1, number, 1) if parent else None
        event = replace(event, parent=above)
        await start_run(journal, "acme", apply(None, event), [event])
    every = [f"dynamic-workflow-{number}" for number in (4, 3, 2, 1)]
    top = [every[0], *3 * [every[3]]]
    assert await journal.selection.highest("acme", RunFilter(), None, every) == top
    assert await journal.selection.highest("acme", RunFilter(), every[:3], every[:3]) == [
        every[0], every[2], every[2],
    ]  # fmt: skip
    assert await journal.selection.highest("acme", RunFilter(), every[1::2], every[1:2]) == [
        every[3]
    ]
    assert await journal.selection.highest("other", RunFilter(), None, every[:2]) == every[:2]
