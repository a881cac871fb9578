"""Child runs in race conditions that no client can produce at will."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from app.assembly import open_services
from app.execution.commands.deletion import delete_whole
from app.execution.starting.new_run import NewRun
from app.services import Services
from app.settings.server import Settings
from engine import Run
from journal import RunFilter

END = {"id": "end", "type": "end-flow"}


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    async with open_services(Settings(data=tmp_path / "data")) as services:
        steps: dict[str, Any] = {
            "kid": {"id": "a", "type": "wait", "duration": "1h"},
            "calls": {"id": "a", "type": "call-workflow", "workflowId": "kid"},
        }
        for name, step in steps.items():
            document: dict[str, Any] = {"id": name, "name": name, "initialStep": "a", "steps": [step, END],
                        "edges": [{"from": "a", "to": "end"}]}  # fmt: skip
            await services.workflows.create("acme", document)
        yield services
        await services.runs.close(1)


async def started(services: Services) -> Run:
    row, definition = await services.workflows.startable("acme", "calls", None)
    new = NewRun("acme", row.id, row.version, definition, {}, "ada")
    run, _ = await services.runs.start(new, wait=False)
    return run


async def statuses(services: Services, **wanted: str) -> None:
    """Wait until exactly these runs exist, by workflow, with these statuses."""
    async with asyncio.timeout(15):
        while True:
            rows = await services.journal.runs.page("acme", RunFilter(), 10)
            if {row.workflow_id: row.status for row in rows} == wanted:
                return
            await asyncio.sleep(0.01)


async def test_a_parent_that_is_deleted_while_it_starts_children_leaves_none_behind(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    startable, reached, goes_on = services.workflows.startable, asyncio.Event(), asyncio.Event()

    async def slow(tenant: str, workflow_id: str, selector: str | None) -> Any:
        if workflow_id == "kid":
            reached.set()
            await goes_on.wait()
        return await startable(tenant, workflow_id, selector)

    monkeypatch.setattr(services.workflows, "startable", slow)
    run = await started(services)
    await reached.wait()
    await services.runs.terminate("acme", run.id, None, "ada")
    assert await delete_whole(services.journal, "acme", run.id) == 1
    goes_on.set()
    await asyncio.sleep(0.3)
    assert await services.journal.runs.page("acme", RunFilter(), 10) == []


async def test_stopping_a_child_run_is_retried_after_any_failure(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, failed = services.runs.stop, asyncio.Event()

    async def fails_once(run_id: str, *, terminate: bool) -> None:
        if not failed.is_set():
            failed.set()
            raise KeyError(run_id)
        await stop(run_id, terminate=terminate)

    monkeypatch.setattr(services.runs, "stop", fails_once)
    run = await started(services)
    await statuses(services, calls="running", kid="running")
    recovery = asyncio.create_task(services.recovery.run())
    async with asyncio.timeout(15):
        while True:
            if services.recovery.is_done:
                break
            await asyncio.sleep(0.01)
    await services.runs.cancel("acme", run.id, None, "ada")
    await statuses(services, calls="cancelled", kid="cancelled")
    assert failed.is_set()
    recovery.cancel()
    with suppress(asyncio.CancelledError):
        await recovery
