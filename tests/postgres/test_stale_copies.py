"""A process whose copy of a run is behind another process decides on what the journal has.

It has lost the run without notice: the copy in its memory ends where the other one took over.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.asgi import working
from app.auth.caller import Caller
from app.auth.roles import Role
from app.execution.answering.repairs import Meant, of_step
from app.execution.commands.pause_commands import PauseChange
from app.services import Services
from app.settings.server import load
from benchmarks.own.engine_rate import new_run
from engine import HoldRun, JsonObject, ReleaseRun, Run
from journal import NewSignal
from tests.harness.postgres import PostgresServer
from tests.harness.several import KEY
from tests.harness.workflows import ANSWER, ASK, END, straight

TENANT = "bench"
ADA = Caller(TENANT, Role.ADMIN, "Ada")
SIGNAL = {"id": "signal", "type": "wait-for-signal", "signal": "go"}
DEFINITION = {
    "id": "asks", "name": "asks", "initialStep": "ask",
    "steps": [ASK, SIGNAL, {**ASK, "id": "again"}, END],
    "edges": straight("ask", "signal", "again"),
}  # fmt: skip


@dataclass
class Pair:
    """Two processes: the owner of a run, and one that has an old copy of it in memory."""

    owner: Services
    behind: Services
    run_id: str

    async def waits_in(self, step_id: str) -> Run:
        while True:
            run = await self.owner.runs.read(TENANT, self.run_id)
            if run.pause and run.current_step_id == step_id:
                return run
            await asyncio.sleep(0.01)

    async def answered(self, by: Services) -> Run:
        """Answer whatever is asked; the answer names the pause."""
        run = await self.owner.runs.read(TENANT, self.run_id)
        assert run.pause is not None
        asked = run.pause.shown(run.id, run.pause_seq)["pauseId"]
        answer: JsonObject = {**ANSWER, "actionId": run.current_step_id, "pauseId": asked}
        return await by.runs.resume(TENANT, self.run_id, answer, ADA)

    async def signalled(self, by: Services) -> list[str]:
        sent = await by.signals.send(TENANT, NewSignal("go", "", None, 0, 10**14, 10**14))
        return sent.delivered_to

    async def repaired(self, by: Services, repair: HoldRun | ReleaseRun) -> Run:
        return await by.repairs.repair(TENANT, self.run_id, of_step(Meant(), repair))


@pytest.fixture
async def pair(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[Pair]:
    database = postgres.database()
    async with asyncio.timeout(60), AsyncExitStack() as stack:
        services = []
        for name in ("owner", "behind"):
            given = {
                "data": tmp_path / name, "database": database.url, "secrets_key": KEY,
                "database_schema": database.schema, "database_readers": 3,
            }  # fmt: skip
            services.append(await stack.enter_async_context(working(load(given).settings)))
        owner, behind = services
        while not (owner.sharing and owner.sharing._shared.owners.shards):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        run, _ = await owner.runs.start(await new_run(owner, DEFINITION), wait=False)
        two = Pair(owner, behind, run.id)
        await two.waits_in("ask")
        behind.runs._live_runs.owns = lambda _: True
        async with behind.runs._live_runs.load(TENANT, run.id):
            yield two


async def test_a_process_that_is_behind_confirms_every_refusal(pair: Pair) -> None:
    await pair.repaired(pair.owner, HoldRun("", "Ada"))
    assert not (await pair.repaired(pair.behind, ReleaseRun("", "Ada"))).held
    await pair.answered(pair.owner)
    await pair.waits_in("signal")
    assert await pair.signalled(pair.behind) == [pair.run_id]
    run = await pair.waits_in("again")
    assert run.pause is not None
    asked = str(run.pause.shown(run.id, run.pause_seq)["pauseId"])
    change = PauseChange("claim", ADA, asked)
    assert (await pair.behind.pauses.change(TENANT, run.id, change)).id == run.id
    assert (await pair.answered(pair.behind)).id == run.id
