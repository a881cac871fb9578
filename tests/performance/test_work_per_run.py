"""The cost of a run in commits, statements and calls, which do not depend on the machine's load."""

import asyncio
import gc
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, Self

import pytest

from app.assembly import open_services
from app.execution.starting.new_run import NewRun
from app.services import Services
from app.settings.server import load
from benchmarks.definitions import asking, five, loop, order
from engine import Run, Status
from journal import run_number
from steps.document.compiled import Definition
from tests.conftest import PLUGIN
from tests.harness.upkeep import maintenance
from tests.harness.vfs import watched
from tests.load.conftest import chain

TENANT = "acme"


class StandingClock:
    """A clock that stands still, so that simultaneous events form one row."""

    def __init__(self) -> None:
        self._now_ms = time.time_ns() // 1_000_000

    def now_ms(self) -> int:
        return self._now_ms


@asynccontextmanager
async def services_on(folder: Path, slice_s: float = 3_600) -> AsyncIterator[Services]:
    """Open the services without periodic work; transactions always run on the event loop."""
    settings = load({"data": folder, "plugins": [PLUGIN]}).settings
    async with open_services(settings, StandingClock()) as services:
        pace = services.journal._writer._connection._pace
        pace.is_short = True
        vars(pace)["on_loop"] = lambda _begun_s, _flushed_s: None
        services.journal._writer.slice_s = slice_s
        maintenance(services.journal).look_every_s = 3_600
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
    """Counts the statements of the writing connection."""

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
        """Return all statements except the maintenance of the file, which the clock triggers."""
        return [statement for statement in self.seen if not statement.startswith("PRAGMA")]


_COMPARISON = asyncio.TimerHandle.__lt__.__code__


class Calls:
    """Counts the calls of Python functions in this thread between `with` and its end.

    Except comparisons in asyncio's heap of timers: their number depends on how many cancelled
    timers of earlier steps have not been swept yet, up to a hundred. No time passes on the event
    loop meanwhile, so that periodic work never runs.
    """

    def __init__(self) -> None:
        self.count = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> Self:
        with suppress(RuntimeError):  # counted without an event loop
            self._loop = asyncio.get_running_loop()
            now_s = self._loop.time()
            vars(self._loop)["time"] = lambda: now_s
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        if self._loop is not None:
            del vars(self._loop)["time"]

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        self.count += event == "call" and frame.f_code is not _COMPARISON


@pytest.mark.parametrize(
    ("tool", "wait", "commits"),
    [
        ("add", True, 6),  # one before each step with an effect, the last with the end of the run
        ("add", False, 7),  # one more: the start is durable before it is answered
        ("purely_add", True, 1),
        ("purely_add", False, 2),
    ],
)
async def test_a_run_takes_only_the_necessary_commits(
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
        # written, nor any index that an intermediate step does not change. Only the number of the
        # last event is read.
        assert statements.count("INTO EVENTS") <= commits
        assert statements.count("INTO RUNS") == 1
        assert statements.count("UPDATE RUNS SET STATUS") <= 2
        assert len(statements.of_runs) <= 4 * commits


@pytest.mark.parametrize(
    ("tool", "flushes", "most_writes", "most_bytes"),
    [("add", 6, 56, 116_800), ("purely_add", 1, 16, 34_600)],
)
async def test_a_run_causes_only_the_necessary_disk_writes(
    tmp_path: Path, tool: str, flushes: int, most_writes: int, most_bytes: int
) -> None:
    with watched(tmp_path) as disk:
        async with services_on(tmp_path) as services:
            new = await startable(services, five("five", tool))
            await to_the_end(services, new)
            before = len(disk.ops)
            for _ in range(10):
                await to_the_end(services, new)
            ops = disk.ops[before:]
    assert {op.kind for op in ops} == {"write", "sync"}
    assert sum(op.kind == "sync" for op in ops) == 10 * flushes
    writes = sum(op.kind == "write" for op in ops) / 10
    written = sum(len(op.data) for op in ops) / 10
    print(f"{tool}: {writes:.0f} writes and {written:.0f} bytes a run")
    assert writes <= most_writes
    assert written <= most_bytes


@pytest.mark.parametrize(("tool", "most_at_once"), [("add", 22_700), ("purely_add", 20_000)])
async def test_a_run_takes_little_memory_and_frees_all(
    tmp_path: Path, tool: str, most_at_once: int
) -> None:
    async with services_on(tmp_path) as services:
        new = await startable(services, five("five", tool))
        for _ in range(20):
            await to_the_end(services, new)
        blocks = _blocks()
        for _ in range(200):  # sqlite3 frees its cursors by the hundred
            await to_the_end(services, new)
        left = (_blocks() - blocks) / 200
        tracemalloc.start()
        try:
            began, _ = tracemalloc.get_traced_memory()
            await to_the_end(services, new)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    print(f"{tool}: {peak - began} bytes at once, {left:.1f} blocks left a run")
    assert left < 2
    assert peak - began <= most_at_once


def _blocks() -> int:
    run_number.cache_clear()  # the numbers of the latest runs
    gc.collect()
    return sys.getallocatedblocks()


@pytest.mark.parametrize(
    ("tool", "runs", "commits", "large"),
    [("add", 256, 6, 1), ("purely_add", 64, 16, 0)],  # all starts, with the rows of 256 new runs
)
async def test_runs_at_once_share_commits_on_the_event_loop(
    tmp_path: Path, tool: str, runs: int, commits: int, large: int
) -> None:
    """In the thread, each statement of a transaction would wait for the interpreter."""
    async with services_on(tmp_path) as services:
        new = await startable(services, five("five", tool))
        await to_the_end(services, new)
        pace = services.journal._writer._connection._pace
        fit, fits = list[bool](), pace.fits

        def noted(rows: int) -> bool:
            fit.append(fits(rows))
            return fit[-1]

        vars(pace)["fits"] = noted
        before = services.journal._writer.counters.commits
        await asyncio.gather(*(to_the_end(services, new) for _ in range(runs)))
        assert services.journal._writer.counters.commits - before <= commits
        assert all(fit[large:])
        assert large < len(fit) <= commits


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


@pytest.mark.parametrize(("tool", "most"), [("add", 636), ("purely_add", 465)])
async def test_a_run_takes_few_calls(tmp_path: Path, tool: str, most: int) -> None:
    async with services_on(tmp_path) as services:
        new = await startable(services, five("five", tool))
        await to_the_end(services, new)
        with Calls() as calls:
            for _ in range(10):
                await to_the_end(services, new)
        print(f"{tool}: {calls.count / 10:.0f} calls a run")
        assert 100 < calls.count / 10 <= most


async def test_templates_and_conditions_take_few_calls(tmp_path: Path) -> None:
    """A step with two templates and a condition, and a run whose steps have many of both."""
    counts = {}
    async with services_on(tmp_path) as services:
        for turns in (5, 55):
            new = await startable(services, loop(f"loop-{turns}", "add", turns))
            await to_the_end(services, new)
            with Calls() as calls:
                await to_the_end(services, new)
            counts[turns] = calls.count
        step = (counts[55] - counts[5]) / 50
        runs = {}
        for name in ("computed", "constant"):
            new = await startable(services, order(name, computed=name == "computed"))
            assert isinstance(new.definition, Definition)
            new = replace(new, data=new.definition.payload.with_defaults({}))
            run = await to_the_end(services, new)
            assert run.last_visit.output == {"due": 124}
            with Calls() as calls:
                for _ in range(10):
                    await to_the_end(services, new)
            runs[name] = calls.count / 10
    print(f"{step:.0f} calls a step, {runs} calls a run")
    assert 100 < step <= 156
    assert runs["computed"] <= 833
    assert runs["computed"] - runs["constant"] <= 286


async def test_many_runs_at_once_take_few_more_calls_each(tmp_path: Path) -> None:
    async with services_on(tmp_path) as services:
        new = await startable(services, five("five"))
        found = {}
        for runs in (40, 1_000):
            await asyncio.gather(*(to_the_end(services, new) for _ in range(runs)))
            with Calls() as calls:
                await asyncio.gather(*(to_the_end(services, new) for _ in range(runs)))
            found[runs] = calls.count / runs
    print(f"{found[40]:.0f} calls a run of 40 at once, {found[1_000]:.0f} of 1,000")
    assert found[1_000] - found[40] <= 150  # what it costs to wait in line


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


async def test_a_step_of_a_long_history_is_read_in_few_calls(tmp_path: Path) -> None:
    counts = {}
    async with services_on(tmp_path) as services:
        events = services.journal.events
        for turns in (55, 255):
            run = await to_the_end(
                services, await startable(services, loop(f"loop-{turns}", "add", turns))
            )
            events._ended.forget(run.id)
            events._long.forget(run.id)
            with Calls() as calls:
                _, read = await events.run(run.id)
            assert read.executions == turns + 1
            counts[turns] = calls.count
    step = (counts[255] - counts[55]) / 200
    print(f"{step:.1f} calls a step")
    assert 5 < step <= 22.7


async def test_a_run_of_many_steps_does_not_block_the_event_loop(tmp_path: Path) -> None:
    pieces_s = list[float]()

    async def look() -> None:
        while True:
            began_s = time.process_time()  # measured by the wall clock, other load would count
            await asyncio.sleep(0)
            pieces_s.append(time.process_time() - began_s)

    async with services_on(tmp_path, 0.002) as services:
        new = await startable(services, loop("loop", "add", 300))
        looking = asyncio.create_task(look())
        await to_the_end(services, new)
        looking.cancel()
    assert 0 < max(pieces_s) < sum(pieces_s) / 4


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


async def test_a_step_with_long_evaluations_does_not_block_the_event_loop(tmp_path: Path) -> None:
    """The loop is free between values and before the output is checked: counted in iterations.

    Each value examines some ten thousand items, too few to yield within one value.
    """
    values = {f"v{i}": "{{ data.rows | sort(attribute='a') }}" for i in range(4)}
    document = chain([{"id": "many", "type": "set", "values": values}], "many")
    async with services_on(tmp_path) as services:
        new = await startable(services, document)
        turns = 0

        def turn() -> None:
            nonlocal turns
            turns += 1
            again = asyncio.get_running_loop().call_soon(turn)
            ticking.append(again)
            del ticking[:-1]

        ticking: list[asyncio.Handle] = []
        new = replace(new, data={"rows": [{"a": i, "b": "x"} for i in range(4_000)]})
        turn()
        run = await to_the_end(services, new)
        ticking[0].cancel()
        assert run.status is Status.COMPLETED
        assert turns >= 10
