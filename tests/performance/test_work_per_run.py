"""What a run costs, counted: commits, statements and calls, which no busy machine changes."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Self

import pytest

from app.assembly import open_services
from app.execution.new_run import NewRun
from app.services import Services
from app.settings.server import load
from benchmarks.definitions import asking, five, loop
from engine import Run
from tests.conftest import PLUGIN

TENANT = "acme"


@asynccontextmanager
async def services_on(folder: Path) -> AsyncIterator[Services]:
    """Open the services without what comes by the clock: transactions are always on the loop."""
    async with open_services(load({"data": folder, "plugins": [PLUGIN]}).settings) as services:
        pace = services.journal._writer._connection._pace
        pace.is_short = True
        vars(pace)["on_loop"] = lambda _took_s: None
        services.journal.upkeep.look_every_s = 3_600
        yield services
        await services.runs.close(1)


async def startable(services: Services, document: dict[str, Any]) -> NewRun:
    await services.workflows.create(TENANT, document)
    row, definition = await services.workflows.startable(TENANT, document["id"], None)
    return NewRun(TENANT, row.id, row.version, definition, {"n": 0}, "test")


async def to_the_end(services: Services, new: NewRun, *, wait: bool = True) -> Run:
    run, outcome = await services.runs.start(new, wait=wait)
    return await (outcome or await services.runs.expect(TENANT, run.id))


class Statements:
    """Counts what the writing connection is asked to do."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    @classmethod
    async def of(cls, services: Services) -> "Statements":
        found = cls()
        connection = services.journal._writer._connection
        await connection.set_trace_callback(found.seen.append)
        return found

    def count(self, word: str) -> int:
        return sum(word in statement.upper() for statement in self.of_runs)

    @property
    def of_runs(self) -> list[str]:
        """All but the upkeep of the file, which comes by the clock."""
        return [statement for statement in self.seen if not statement.startswith("PRAGMA")]


_COMPARISON = asyncio.TimerHandle.__lt__.__code__


class Calls:
    """Counts the calls of Python functions in this thread between `with` and its end.

    All but the comparisons in asyncio's heap of timers: how many they are hangs on how many
    timers of steps before have been cancelled and not been swept yet, up to a hundred.
    """

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Self:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        self.count += event == "call" and frame.f_code is not _COMPARISON


@pytest.mark.parametrize(
    ("tool", "wait", "commits"),
    [
        ("add", True, 6),  # one before each step that acts, the last with the run's end
        ("add", False, 7),  # one more: the start is durable before it is answered
        ("purely_add", True, 1),
        ("purely_add", False, 2),
    ],
)
async def test_a_run_takes_no_more_commits_than_it_must(
    tmp_path: Path, tool: str, wait: bool, commits: int
) -> None:
    async with services_on(tmp_path) as services:
        new = await startable(services, five("five", tool))
        await to_the_end(services, new)
        statements = await Statements.of(services)
        before = services.journal._writer.counters.commits
        run = await to_the_end(services, new, wait=wait)
        assert run.status == "completed"
        assert services.journal._writer.counters.commits - before <= commits
        assert statements.count("COMMIT") <= commits
        assert statements.count("COMMIT") >= 1
        # The events of a commit are one statement, the run's row is another: nothing else is
        # written, and no index that a step in the middle does not change.
        assert statements.count("INTO EVENTS") <= commits
        assert statements.count("INTO RUNS") == 1
        assert statements.count("UPDATE RUNS SET STATUS") <= 2
        assert len(statements.of_runs) <= 4 * commits


async def test_runs_at_once_share_commits(tmp_path: Path) -> None:
    async with services_on(tmp_path) as services:
        new = await startable(services, five("five", "purely_add"))
        await to_the_end(services, new)
        before = services.journal._writer.counters.commits
        await asyncio.gather(*(to_the_end(services, new) for _ in range(64)))
        assert services.journal._writer.counters.commits - before <= 16


async def test_a_status_is_one_statement(tmp_path: Path) -> None:
    async with services_on(tmp_path) as services:
        run = await to_the_end(services, await startable(services, five()))
        seen: list[str] = []
        for connection in services.journal.events._readers._connections:
            await connection.set_trace_callback(seen.append)
        first = await services.runs.read(TENANT, run.id)
        assert len(seen) == 1, seen
        assert await services.runs.read(TENANT, run.id) is first
        assert len(seen) == 1, "the run has ended, and was read again"


@pytest.mark.parametrize(("tool", "most"), [("add", 1_400), ("purely_add", 1_040)])
async def test_a_run_takes_few_calls(tmp_path: Path, tool: str, most: int) -> None:
    async with services_on(tmp_path) as services:
        new = await startable(services, five("five", tool))
        await to_the_end(services, new)
        with Calls() as calls:
            for _ in range(10):
                await to_the_end(services, new)
        print(f"{tool}: {calls.count / 10:.0f} calls a run")
        assert 100 < calls.count / 10 <= most


@pytest.mark.parametrize("tool", ["add", "purely_add"])
async def test_a_late_step_takes_as_many_calls_as_an_early_one(tmp_path: Path, tool: str) -> None:
    counts = {}
    async with services_on(tmp_path) as services:
        for turns in (5, 105, 900, 1_000):
            new = await startable(services, loop(f"loop-{turns}", tool, turns))
            with Calls() as calls:
                run = await to_the_end(services, new)
            assert run.executions == turns + 1
            counts[turns] = calls.count
    early, late = (counts[105] - counts[5]) / 100, (counts[1_000] - counts[900]) / 100
    print(f"{tool}: {early:.0f} calls for step 50, {late:.0f} for step 1,000")
    assert late <= 1.2 * early


async def test_a_paused_run_leaves_nothing_in_memory(tmp_path: Path) -> None:
    async with services_on(tmp_path) as services:
        new = await startable(services, asking("ask"))
        runs = await asyncio.gather(*(to_the_end(services, new) for _ in range(50)))
        assert {run.status for run in runs} == {"paused"}
        for _ in range(100):
            if not services.runs._live_runs._live:
                break
            await asyncio.sleep(0.01)
        assert len(services.runs._live_runs) == 0
