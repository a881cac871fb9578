"""One simulated world, determined by a seed, from the first start to the end of the last run."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from app.execution.live.waiters import is_settled
from engine import FINALLY, Run, State, Status
from tests.simulation.clients import Book, Client
from tests.simulation.disk import Disk, Moods
from tests.simulation.loop import SeededLoop
from tests.simulation.observer import Observer, Violation
from tests.simulation.process import AnyServer, JumpingClock, Log, Server
from tests.simulation.several import Sessions
from tests.simulation.step_types import Chance
from tests.simulation.workflows import DOCUMENTS, TENANT, compiled, stored

_PATIENCE_S = 90


@dataclass
class Report:
    """The result of one seed."""

    seed: int
    trace: list[str]
    failure: BaseException | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        reported = "\n".join(self.trace)
        return f"{reported}\nSTEPWELL_SEED={self.seed}: {self.failure!r}"


def simulate(seed: int, processes: int = 1) -> Report:
    """Simulate the world of a seed to its end, with this many processes on one disk."""
    random = Random(seed)
    loop = SeededLoop(random, in_order=random.random() < 0.3)
    asyncio.set_event_loop(None)
    disk = Disk(random, _moods(random), stored())
    observer = Observer(disk.database, loop.fail)
    observer.now_s = loop.time
    disk.committed, disk.trace = observer.committed, observer.say
    report = Report(seed, observer.trace)
    Chance.random, Chance.observer = random, observer
    book = Book()
    with Log(observer), _no_collection(), TemporaryDirectory() as folder:
        world = _World(loop, disk, observer, random, book, Path(folder), processes)
        is_fast = disk.moods.slow < 0.1 and processes == 1
        observer.is_prompt = lambda: is_fast and world.lives == 1 and not any(disk.faults.values())
        try:
            loop.run_until_complete(world.play())
        except Exception as failure:  # noqa: BLE001 - reported to the caller
            report.failure = failure
        finally:
            loop.finish()
    if loop.unhandled and report.failure is None:
        report.failure = Violation(f"nobody took care of {loop.unhandled}")
    report.counts = {
        **disk.faults, **book.reported, **world.counts, "effects": observer.effects, "lives": world.lives,
        "interruptions": observer.interruptions, "detached": observer.detached, "runs": len(observer.runs),
        "events": sum(len(folds) for folds in observer.folds.values()), "steps": loop._steps,
    }  # fmt: skip
    disk.database.close()
    return report


def _moods(random: Random) -> Moods:
    kind = random.choice(("calm", "slow", "failing", "crashing", "bad"))
    moods = Moods(slow=random.choice((0.05, 0.4)))
    if kind in ("failing", "bad"):
        moods.refuses, moods.unknown = random.choice(((0.02, 0.02), (0.1, 0.0), (0.0, 0.1)))
    if kind in ("crashing", "bad"):
        moods.crash_after = random.randrange(200)
    return moods


@contextmanager
def _no_collection() -> Iterator[None]:
    """Disable the garbage collector, whose timing does not depend on the seed."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _World:
    """The servers, their clients, and the faults injected."""

    def __init__(
        self,
        loop: SeededLoop,
        disk: Disk,
        observer: Observer,
        random: Random,
        book: Book,
        folder: Path,
        processes: int,
    ) -> None:
        self._loop, self._disk, self._observer = loop, disk, observer
        self._random, self._book = random, book
        self.clock = JumpingClock(loop)
        self._sessions: Sessions | None = None
        if processes > 1:
            self._sessions = Sessions(random, observer)
        numbers = count(1)
        self._servers = [
            Server(loop, disk, observer, self.clock, random, folder, self._sessions, numbers)
            for _ in range(processes)
        ]
        self.server = self._servers[0] if processes == 1 else AnyServer(self._servers, random)

    @property
    def lives(self) -> int:
        """The number of starts of a server."""
        return sum(server.lives for server in self._servers)

    @property
    def counts(self) -> dict[str, int]:
        """The counts of events between several processes."""
        return {} if self._sessions is None else {"moves": self._sessions.moves}

    async def play(self) -> None:
        """Run with faults first, then without faults until all runs have ended."""
        random = self._random
        serving = [asyncio.create_task(server.run()) for server in self._servers]
        clients = [
            Client(f"client {name}", self.server, self._observer, self._book, random)
            for name in "abc"[: random.randrange(1, 4)]
        ]
        trouble = asyncio.create_task(self._trouble())
        await asyncio.gather(*(client.work(random.randrange(2, 7)) for client in clients))
        trouble.cancel()
        self._disk.moods.calm()
        self.clock.moved_ms = max(self.clock.moved_ms, self._furthest_ms)
        self._observer.say("peace")
        janitor = Client("janitor", self.server, self._observer, self._book, random)
        await self._release_all(janitor)
        await self._to_rest()
        for _ in range(100):
            waiting = [run for run in self._runs() if run.pause and not run.waits_for_children]
            if not waiting:
                break
            asked = random.choice(waiting)
            await (janitor.signal() if asked.awaited_signal else janitor.answer_to(asked.id))
            await self._to_rest()
        self._check_ends()
        for server in self._servers:
            await server.close()
        await asyncio.gather(*serving)

    async def _release_all(self, janitor: Client) -> None:
        """Release every run that is held."""
        for _ in range(1_000):
            held = [run.id for run in self._runs() if run.held]
            if not held:
                return
            if not await janitor.release(held[0]):
                await asyncio.sleep(0.5)

    _furthest_ms = 0

    def _runs(self) -> list[Run]:
        return list(self._observer.runs.values())

    async def _trouble(self) -> None:
        """Crash, stop, and change the clock at random times."""
        random, moods = self._random, self._disk.moods
        crashes = moods.crash_after is not None
        while True:
            await asyncio.sleep(random.choice((0.05, 0.3, 1, 3)))
            what = random.choices(("crash", "stop", "clock"), (6 if crashes else 0, 1, 2))[0]
            if what == "crash" and moods.crash_after is None:
                moods.crash_after = random.randrange(60)
            elif what == "stop" and random.random() < 0.3:
                random.choice(self._servers).stop()
            elif self._sessions is not None and random.random() < 0.5:
                self._sessions.cut_one()
            elif what == "clock":
                jump = random.choice((-86_400_000, -3_600_000, -500, 500, 3_600_000))
                self.clock.moved_ms += jump
                self._furthest_ms = max(self._furthest_ms, self.clock.moved_ms)
                self._observer.say(f"clock: jumps by {jump} ms")

    async def _to_rest(self) -> None:
        """Wait until every run has ended or waits for a person, and nothing is left in memory."""
        why = ""
        for _ in range(_PATIENCE_S * 2):
            await asyncio.sleep(0.5)
            why = self._unrest()
            if not why:
                return
        self._observer.violated(f"no rest after {_PATIENCE_S} s of peace: {why}")
        await asyncio.sleep(1)

    def _unrest(self) -> str:
        for run in self._runs():
            if run.state is State.QUEUED and self._is_full(run):
                continue
            if not is_settled(run):
                return f"{run.id} is {run.state} in {run.current_step_id}"
            if run.waits_for_children and run.pause:
                child = self._observer.runs.get(run.pause.run_id or "")
                if child is None or child.status is not Status.PAUSED:
                    return f"{run.id} is shown as paused for a child that is not"
            if run.parent and not run.is_over:
                parent = self._observer.runs[run.parent.run_id]
                here = (parent.executions, parent.current.attempt if parent.current else 0)
                has_left = parent.is_over or here != (run.parent.execution, run.parent.attempt)
                was_stopped = parent.status in (Status.CANCELLED, Status.TERMINATED)
                if was_stopped or (has_left and not run.is_detached):
                    return f"{run.id} continues though {parent.id} does not wait for it"
        left = self._disk_has_wakes()
        return left or next((why for why in map(self._busy, self._servers) if why), "")

    def _disk_has_wakes(self) -> str:
        if self._sessions is None:
            return ""
        left = self._disk.database.execute("SELECT run, seq FROM wakes").fetchall()
        return f"nobody has heeded {left}" if left else ""

    @staticmethod
    def _busy(server: Server) -> str:
        process = server.process
        if process is None:
            return "the server is not running"
        execution = process.execution
        runs, driving, left_children = (
            execution.runs,
            execution.runs._driving,
            execution.left_children,
        )
        live_runs, driver = runs._live_runs, driving._driver
        held = (
            live_runs._live,
            live_runs._loading,
            driving._driven,
            driving._tasks,
            driver.beside,
            driving._notified,
            execution.lost_runs._ids,
            execution.signals._tasks,
            execution.places._tasks,
        )
        left = (runs._waiters._by_run, left_children.left, left_children._sweeping)
        turns = (driver._step_life._acting, driver._chains, driver._flushes)
        taken = [live_runs.runs.total, *(turn.total + turn.waiting for turn in turns)]
        if any((*held, *left, *taken)):
            return f"in memory: {held} {left} {taken}"
        return "" if execution.recovery.is_done else "recovery is not done"

    def _is_full(self, queued: Run) -> bool:
        """Return whether runs that wait for people take all places that this run could have."""
        paused = [run for run in self._runs() if run.status is Status.PAUSED and run.place
                  and run.workflow_id == queued.workflow_id]  # fmt: skip
        return queued.place is not None and len(paused) >= queued.place.limit

    def _check_finally(self, run: Run) -> None:
        """Check that a run has entered its `finally` exactly once."""
        document = next(one for one in DOCUMENTS if one["id"] == run.workflow_id)
        definition = compiled()(document)
        graph = (definition.bodies[run.body] if run.body else definition).graph
        if graph.at_end is None or run.status is Status.TERMINATED or not run.executions:
            return
        if run.handler != FINALLY or run.visits.get(graph.at_end) != 1:
            self._observer.violated(f"{run.id} has ended without its finally: {run.handler!r}")

    def _check_ends(self) -> None:
        observer, book = self._observer, self._book
        for run in self._runs():
            if not run.is_over:
                observer.violated(f"{run.id} has not ended: {run.state}")
            self._check_finally(run)
            for visit in run.past:
                if visit.step_id == "call" and isinstance(visit.output, dict):
                    outputs = visit.output.get("outputs")
                    for index, data in enumerate(outputs if isinstance(outputs, list) else []):
                        if isinstance(data, dict) and data.get("index") != index:
                            observer.violated(f"{run.id} has its outputs out of order: {outputs}")
        for token, won in book.answers.items():
            if won is not (token in observer.answers):
                observer.violated(f"{token} was told {won}, but {observer.answers.get(token)}")
        for reason, (run_id, won) in book.ends.items():
            if won is not (observer.runs[run_id].reason == reason):
                observer.violated(f"end {reason} of {run_id} was told {won}")
        self._check_signals()
        count = self._disk.database.execute("SELECT count(*) FROM runs WHERE tenant = ?", (TENANT,))
        if count.fetchone()[0] != len(observer.runs):
            observer.violated("a run has no history")

    def _check_signals(self) -> None:
        """Check that each acknowledged signal was taken or waits, and that steps' signals exist."""
        database, observer = self._disk.database, self._observer
        kept = database.execute("SELECT sender_id FROM signals WHERE taken_at_ms IS NULL")
        lost = self._book.signals - set(observer.taken) - {token for (token,) in kept}
        if lost:
            observer.violated(f"signals are lost: {lost}")
        (taken,) = database.execute(
            "SELECT count(*) FROM signals WHERE taken_at_ms IS NOT NULL"
        ).fetchone()
        if taken != len(observer.taken):
            observer.violated(f"{taken} signals are marked as taken, not {len(observer.taken)}")
        (sent,) = database.execute(
            "SELECT count(*) FROM signals WHERE sender_id IS NULL"
        ).fetchone()
        if sent != observer.sent:
            observer.violated(f"{observer.sent} signals were sent by steps, but {sent} kept")
