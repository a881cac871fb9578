"""The server without HTTP: the product's own parts, assembled as usual, on a simulated disk."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from app.concurrency.fair_loop import FairLoop
from app.concurrency.fair_queue import FairQueue
from app.definitions.workflows import Workflows
from app.execution.attempts.step_services import StepServices
from app.execution.driving.culprit import Culprit
from app.execution.execution import Execution, open_execution
from app.execution.live.cluster import Cluster
from app.execution.live.live_run import RunLost
from app.execution.live.live_runs import LiveRuns
from app.secrets.growing_mask import Masks
from app.telemetry import log
from app.telemetry.counters import Counters
from engine import Json
from journal import Journal, JournalError, SharedOwners
from steps.contract.step_type import StepBroke
from steps.effects.http_messages import HttpRequest, HttpResponse
from tests.simulation.disk import Disk, Life
from tests.simulation.loop import SeededLoop
from tests.simulation.observer import Observer
from tests.simulation.several import Sessions, SimulatedBell, SimulatedLocks
from tests.simulation.step_types import Boom, registry
from tests.simulation.workflows import compiled


class Gone(Exception):
    """The connection to the server was lost; the outcome of the request is unknown."""


class JumpingClock:
    """The wall clock: virtual time plus the jumps so far."""

    def __init__(self, loop: SeededLoop) -> None:
        self._loop = loop
        self.moved_ms = 0

    def now_ms(self) -> int:
        return 1_700_000_000_000 + round(self._loop.time() * 1000) + self.moved_ms


class NoSecrets:
    """Masks nothing."""

    def __init__(self) -> None:
        self.masks = Masks(lambda _: [])

    async def mask(self, tenant: str, value: Json) -> Json:
        return value


class Outside:
    """The services that steps call: counts calls, takes time, and sometimes fails."""

    def __init__(
        self, life: Life, observer: Observer, random: Random, sessions: Sessions | None = None
    ) -> None:
        self._life, self._observer, self._random = life, observer, random
        self._sessions = sessions

    def _is_late(self, run_id: str) -> bool:
        """Return whether another process has the run, which this one may not know yet."""
        return self._sessions is not None and self._sessions.is_late(run_id, self._life, 6)

    async def send(self, request: HttpRequest, tenant: str, _sink: None = None) -> HttpResponse:
        run_id, step_id, visit, attempt, what = request.url.split("/")
        if not self._life.alive:
            raise asyncio.CancelledError
        self._observer.say(f"step: {run_id[-4:]} {step_id}#{visit}.{attempt} does {what}")
        if not self._is_late(run_id):
            self._observer.acts(run_id, step_id, int(visit), int(attempt))
        number = self._observer.effects
        await asyncio.sleep(self._random.choice((0, 0, 0.002, 0.2)))
        if self._random.random() < 0.05:
            raise StepBroke("Unreachable", "chance")
        return HttpResponse(200, {}, str(number).encode())


@dataclass
class Process:
    """One life of the server, while it is open."""

    life: Life
    journal: Journal
    workflows: Workflows
    execution: Execution
    background: list[asyncio.Task[None]]
    owners: SharedOwners | None = None
    calls: int = 0
    stopping: bool = False


class Server:
    """Restarts the server whenever it has crashed or stopped, until it is closed."""

    def __init__(
        self,
        loop: SeededLoop,
        disk: Disk,
        observer: Observer,
        clock: JumpingClock,
        random: Random,
        folder: Path,
        sessions: Sessions | None = None,
        lives: Iterator[int] | None = None,
    ) -> None:
        self._sessions = sessions
        self._numbers = lives or count(1)
        self._loop, self._disk, self._observer = loop, disk, observer
        self._clock, self._random = clock, random
        self._folder = folder
        self.lives = 0
        self.process: Process | None = None
        self._open = asyncio.Event()
        self._stop_asked = asyncio.Event()
        self._closing = False

    async def run(self) -> None:
        """Keep a server running."""
        while not self._closing:
            self.lives += 1
            life = Life(next(self._numbers))
            self._observer.say(f"server: life {life.number} begins")
            opening = self._loop.within(life, self._start(life))
            crashed = asyncio.ensure_future(life.crashed.wait())
            asked = asyncio.ensure_future(self._stop_asked.wait())
            await asyncio.wait([opening, crashed], return_when=asyncio.FIRST_COMPLETED)
            if opening.done() and not opening.exception():
                self.process = opening.result()
                self._open.set()
                await asyncio.wait([crashed, asked], return_when=asyncio.FIRST_COMPLETED)
                self._open.clear()
                process, self.process = self.process, None
                if not crashed.done():
                    await self._stop(process, crashed)
            self._stop_asked.clear()
            await self._end(life)
            for waiting in (crashed, asked):
                waiting.cancel()
            await asyncio.sleep(0.01)

    async def call(self, work: "Any") -> Any:
        """Execute `work(process)` in the server, like a request. Raises `Gone`."""
        await self._open.wait()
        process = self.process
        if process is None:
            raise Gone
        process.calls += 1
        task = self._loop.within(process.life, work(process))
        try:
            await asyncio.wait([task])
        finally:
            process.calls -= 1
        if task.cancelled():
            raise Gone
        if not process.life.alive:
            with contextlib.suppress(BaseException):
                task.result()
            raise Gone
        return task.result()

    def stop(self) -> None:
        """Ask the server to stop, as SIGTERM does."""
        self._stop_asked.set()

    async def close(self) -> None:
        """Stop the server for good."""
        self._closing = True
        self.stop()

    async def _start(self, life: Life) -> Process:
        journal = self._disk.journal(life)
        workflows = Workflows(journal, registry(), self._clock)
        workflows._compile_document = compiled()
        outside = Outside(life, self._observer, self._random, self._sessions)
        nothing: Any = None
        cluster, owners = None, None
        if self._sessions is not None:
            owners = SharedOwners(SimulatedLocks(self._sessions, life), chance=self._random)
            bell = SimulatedBell(self._sessions, life, self._random.choice((0.0, 0.5, 1.0)))
            cluster = Cluster(owners, bell, journal.wakes)
        execution = await open_execution(
            journal,
            LiveRuns(journal, workflows.pinned, 10_000, 10**9),
            FairQueue(3),  # so few that runs wait for each other
            Counters(),
            StepServices(self._clock, outside, nothing, nothing, nothing, NoSecrets(), nothing, nothing, workflows, nothing, nothing, nothing, nothing, nothing, nothing, nothing, None, nothing),  # type: ignore[arg-type] # parts that no simulated step uses
            cancel_grace_s=0.5 if cluster is None else 2.5,  # a lost notification costs a second
            culprit=Culprit(self._folder, 5),
            cluster=cluster,
            fair_loop=FairLoop(self._loop.time, self._loop.time),
        )  # fmt: skip
        timers, recovery = execution.timers, execution.recovery
        timers._fire = self._watched(timers._fire)
        background = [
            asyncio.create_task(recovery.run()),
            asyncio.create_task(timers.run()),
            asyncio.create_task(execution.signals.run()),
            asyncio.create_task(execution.places.run()),
        ]
        if cluster is not None and owners is not None:
            background += [asyncio.create_task(cluster.run()), asyncio.create_task(owners.run())]
        for task in background:
            task.add_done_callback(lambda task: self._ended(life, task))
        return Process(life, journal, workflows, execution, background, owners)

    def _ended(self, life: Life, task: asyncio.Task[None]) -> None:
        if life.alive and not task.cancelled():
            self._observer.violated(f"a background task has ended: {task.exception()!r}")

    def _watched(self, fire: Any) -> Any:
        async def watched(run_id: str) -> None:
            try:
                await fire(run_id)
            except Exception as failure:
                if not is_expected(failure):
                    self._observer.violated(f"a timer failed: {failure!r}")
                raise

        return watched

    async def _stop(self, process: Process, crashed: asyncio.Future[Any]) -> None:
        """Stop in the order of `app/server.py`."""
        self._observer.say("server: asked to stop")
        process.execution.culprit.nobody()
        process.stopping = True
        process.execution.runs.let_go()
        for _ in range(20):
            if not process.calls or not process.life.alive:
                break
            await asyncio.sleep(0.05)
        closing = self._loop.within(process.life, self._close(process))
        await asyncio.wait([closing, crashed], return_when=asyncio.FIRST_COMPLETED)
        self._observer.say("server: stopped")

    async def _close(self, process: Process) -> None:
        if process.owners is not None:
            closing = asyncio.create_task(process.owners.close(1.5))
            await process.execution.runs.close(1)
            await closing
        for task in process.background:
            task.cancel()
        await asyncio.gather(*process.background, return_exceptions=True)
        if process.owners is None:
            await process.execution.runs.close(1)
        await process.journal.close()

    async def _end(self, life: Life) -> None:
        """Discard everything in memory."""
        life.alive = False
        if self._sessions is not None:
            for locks in tuple(self._sessions.live):
                if locks.life is life:
                    self._sessions.end(locks)
        for _ in range(1_000):
            left = life.unfinished
            if not left:
                return
            for task in left:
                task.cancel()
            await asyncio.sleep(0.001)
        self._observer.violated(f"tasks would not end: {life.unfinished}")


def is_expected(failure: BaseException | None) -> bool:
    """Return whether the injected faults explain a logged failure."""
    return isinstance(failure, Boom | RunLost | JournalError | None)


class AnyServer:
    """Sends each call to one of several servers, like a load balancer."""

    def __init__(self, servers: list[Server], random: Random) -> None:
        self._servers, self._random = servers, random

    async def call(self, work: "Any") -> Any:
        """Execute it in an open server, or the first that opens. Raises `Gone`."""
        ready = [one for one in self._servers if _takes_part(one.process)]
        if not ready:
            await asyncio.sleep(0.05)
            return await self.call(work)
        return await self._random.choice(ready).call(work)


def _takes_part(process: Process | None) -> bool:
    return process is not None and process.owners is not None and bool(process.owners.shards)


class Log:
    """Replaces the log: keeps its lines, and reports failures that no injected fault explains."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._before: Any = None

    def __enter__(self) -> None:
        self._before, log._log = log._log, self

    def __exit__(self, *_: object) -> None:
        log._log = self._before

    def debug(self, text: str, **more: Any) -> None:
        pass

    def info(self, text: str, **more: Any) -> None:
        self.error(text, **more)

    warning = info

    def error(self, text: str, *, exc_info: BaseException | None = None, **more: Any) -> None:
        failure = f" {exc_info!r}" if exc_info else ""
        self._observer.say(f"log: {text} {more}{failure}")
        if not is_expected(exc_info):
            self._observer.violated(f"the log has {text}: {exc_info!r}")
