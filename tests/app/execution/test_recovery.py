"""Recovery after a restart: runs are resumed in order of need, one batch at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.assembly import open_services
from app.execution.recovery.backlog import Backlog
from app.services import Services
from app.settings.server import Settings
from engine import Event, JsonObject, RunStarted, RunTerminated, StepStarted, apply, fold
from journal import Journal, LeftBehind, NewVersion
from journal.connection import Values
from journal.reading.readers import Readers
from tests.conftest import PLUGIN
from tests.harness.histories import append_events, start_run

TOOLS = PLUGIN.with_name("load_plugin.py")

NAPS: JsonObject = {
    "name": "naps", "initialStep": "nap",
    "steps": [{"id": "nap", "type": "call-tool", "toolId": "nap", "inputs": {"seconds": 3600}},
              {"id": "end", "type": "end-flow"}],
    "edges": [{"from": "nap", "to": "end"}],
}  # fmt: skip


async def cut_off(folder: Path, *runs: tuple[str, int]) -> None:
    """Fill a folder with runs that a kill left inside a step, by tenant and number."""
    journal = await Journal.open(folder)
    try:
        for tenant in {tenant for tenant, _ in runs}:
            version = NewVersion("naps", "", NAPS, "draft", 1)
            await journal.workflows.create(tenant, version, wanted_id="naps", slug="naps")
        for tenant, number in runs:
            events: list[Event] = [
                RunStarted(number, f"dynamic-workflow-{number}", "naps", "1.0.0", "nap", {}),
                StepStarted(number, "nap", 1, 1, "call-tool"),
            ]
            await start_run(journal, tenant, fold(events), events)
    finally:
        await journal.close()


@asynccontextmanager
async def recovering(folder: Path, **settings: Any) -> AsyncIterator[Services]:
    async with open_services(Settings(data=folder, plugins=[TOOLS], **settings)) as services:
        task = asyncio.create_task(services.recovery.run())
        try:
            yield services
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await services.runs.close(0)


async def until(state: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not state():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


async def picked_up(services: Services, tenant: str, run_id: str) -> None:
    """Wait until the interruption of the run's attempt is in the journal."""
    async with asyncio.timeout(60):
        while True:
            if (await services.journal.events.run(run_id, tenant))[1].seq == 3:
                return
            await asyncio.sleep(0.01)


async def test_histories_are_read_a_hundred_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cut_off(tmp_path, *(("acme", number) for number in range(1, 251)))
    asked: list[str] = []
    ask = Readers.all

    async def noted(readers: Readers, sql: str, values: Values = ()) -> list[Any]:
        asked.append(sql)
        return await ask(readers, sql, values)

    monkeypatch.setattr(Readers, "all", noted)
    async with recovering(tmp_path) as services:
        await until(lambda: services.recovery.is_done)
        assert len([sql for sql in asked if "e.body" in sql and "e.seq" in sql]) <= 250 // 100 + 2
        # Each attempt was recorded as interrupted, from the histories read ahead.
        for number in (1, 250):
            run = await services.runs.read("acme", f"dynamic-workflow-{number}")
            assert (run.seq, run.current and run.current.interruptions) == (3, 1)


async def test_remaining_runs_wait_on_disk_and_requested_ones_do_not(
    tmp_path: Path,
) -> None:
    await cut_off(tmp_path, *(("acme", number) for number in range(1, 61)), ("small", 99))
    bounds = {"max_runs_in_memory": 40, "max_concurrent_steps": 2}
    async with recovering(tmp_path, **bounds) as services:
        recovery = services.recovery
        await until(lambda: recovery.is_queued and 0 < recovery.waiting <= 61 - 17)
        # Sixteen of twenty is a tenant's share; the single run of another does not wait for the rest.
        assert services.admission.in_memory <= 20, "there is no room for starts"
        await picked_up(services, "small", "dynamic-workflow-99")
        last = "dynamic-workflow-60"
        assert (await services.runs.read("acme", last)).seq == 2
        left = recovery.waiting
        await until(lambda: recovery.waiting < left)
        await picked_up(services, "acme", last)
        assert not recovery.is_done


class InMemory(SimpleNamespace):
    """Stands in for the registry of live runs."""

    def peek(self, run_id: str) -> object:
        return run_id if run_id in self.runs else None


def test_tenants_take_turns_within_their_shares() -> None:
    memory = InMemory(runs=set())
    backlog = Backlog(memory, 10)  # type: ignore[arg-type] # what is used of them
    backlog.add(LeftBehind(number, "big", 2) for number in range(1, 31))
    backlog.add(
        [LeftBehind(90, "small", 2), LeftBehind(91, "small", 2), LeftBehind(91, "small", 2)]
    )
    assert len(backlog) == 32
    first = backlog.part(4)
    assert [run_id.rpartition("-")[2] for run_id in first] == ["1", "90", "2", "91"]
    memory.runs.update(first)
    memory.runs.update(more := backlog.part(100))
    assert len(more) == 5, "a tenant holds at most four times what is free"
    assert backlog.part(100) == []
    backlog.urge("big", "dynamic-workflow-30")
    backlog.urge("big", "dynamic-workflow-30")
    backlog.urge("small", "dynamic-workflow-29")
    memory.runs.update(urgent := backlog.part(100))
    assert urgent == ["dynamic-workflow-30"], (
        "a run that is asked for comes first, even without room"
    )
    memory.runs.difference_update(first)
    assert len(backlog.part(100)) == 2
    assert len(backlog) == 32 - 4 - 5 - 1 - 2


def test_long_histories_make_batches_smaller() -> None:
    backlog = Backlog(InMemory(runs=set()), 10_000)  # type: ignore[arg-type] # what is used of them
    backlog.add(LeftBehind(number, "acme", 30_000) for number in range(1, 101))
    assert len(backlog.part(100)) == 1_000 // 40


async def test_a_history_read_ahead_is_valid_until_an_append(tmp_path: Path) -> None:
    await cut_off(tmp_path, ("acme", 1), ("acme", 2))
    journal = await Journal.open(tmp_path)
    try:
        names = [f"dynamic-workflow-{number}" for number in (1, 2)]
        await journal.events.read_ahead(names)
        head, run = await journal.events.run(names[0])
        ended = RunTerminated(9)
        await journal.events.read_ahead(names)
        await append_events(journal, head, [ended], apply(run, ended))
        assert (await journal.events.read(names[0]))[1][-1] == ended
        assert journal.events.ahead.take(names[1], "other") is None
        assert journal.events.ahead.take(names[1], "acme") is not None
    finally:
        await journal.close()
