"""Simulated clients: they start, answer, end, read and await runs, and record the replies."""

import asyncio
from random import Random
from typing import Any

from app.auth.caller import Caller
from app.auth.roles import Role
from app.execution.answering.repairs import Meant, of_step
from app.execution.live.live_run import RunLost
from app.execution.starting.new_run import NewRun
from engine import (
    SIGNAL_PAUSE,
    ChangeData,
    GiveUp,
    HoldRun,
    JsonObject,
    Rejected,
    ReleaseRun,
    Repair,
    Run,
    SkipStep,
    State,
    TryNow,
)
from journal import DuplicateStart, IdempotencyKey, NewSignal, Unavailable
from steps.contract.step_type import InvalidAnswer
from tests.simulation.observer import Observer
from tests.simulation.process import AnyServer, Gone, Process, Server
from tests.simulation.workflows import CHILDREN, DOCUMENTS, TENANT

STARTED = [str(document["id"]) for document in DOCUMENTS if document["id"] not in CHILDREN]
MEETING = [name for name in STARTED if name.startswith(("limited", "waits", "gathers", "tells"))]
"""Workflows whose runs affect each other, so several runs of them must exist at once."""
_FOR_EVER_MS = 10**14
_UNKNOWN = (Gone, Unavailable, RunLost)


class Book:
    """The replies recorded by all clients."""

    def __init__(self) -> None:
        self.keys: dict[str, str] = {}
        self.answers: dict[str, bool] = {}
        self.signals: set[str] = set()
        self.ends: dict[str, tuple[str, bool]] = {}
        self.tokens = 0
        self.reported: dict[str, int] = {}

    def token(self) -> str:
        self.tokens += 1
        return f"token-{self.tokens}"

    def count(self, what: str) -> None:
        self.reported[what] = self.reported.get(what, 0) + 1


class Client:
    """A client that sends one request after the other."""

    def __init__(
        self, name: str, server: Server | AnyServer, observer: Observer, book: Book, random: Random
    ) -> None:
        self.name, self._server, self._observer = name, server, observer
        self._book, self._random = book, random
        self._caller = Caller(TENANT, Role.OPERATOR, name)

    async def work(self, deeds: int) -> None:
        """Send `deeds` requests."""
        random = self._random
        await self.start()
        for _ in range(deeds):
            await asyncio.sleep(random.choice((0, 0, 0.01, 0.3)))
            run_id = random.choice(list(self._observer.runs) or [""])
            deed = random.choices(
                (
                    self.start,
                    self.answer,
                    self.cancel,
                    self.terminate,
                    self.look,
                    self.wait,
                    self.signal,
                    self.repair,
                ),
                (3, 6, 2.5, 1, 3, 1, 3, 3),
            )[0]
            if deed in (self.start, self.signal):
                await deed()
            elif run_id:
                await deed(run_id)  # type: ignore[call-arg] # methods differ in parameters

    async def start(self) -> None:
        """Start a run; with an idempotency key, repeat until the outcome is known."""
        random = self._random
        meets = random.random() < 0.35
        workflow_id, wait = random.choice(MEETING if meets else STARTED), random.random() < 0.3
        key = f"key-{random.randrange(4)}" if random.random() < 0.5 else None
        if key:
            workflow_id = STARTED[int(key[-1])]
        for _ in range(4):
            run = await self._ask(
                f"start {workflow_id} key={key}",
                lambda p: _start(self._observer, p, workflow_id, key, wait=wait),
            )
            if run or not key:
                break
        if run and key and self._book.keys.setdefault(key, run.id) != run.id:
            self._observer.violated(f"{key} started {run.id} and {self._book.keys[key]}")

    async def signal(self) -> None:
        """Send a signal, again if it is unknown whether it was stored."""
        token = self._book.token()

        async def send(process: Process) -> Any:
            signal = NewSignal("go", "", token, 0, _FOR_EVER_MS, _FOR_EVER_MS, token)
            return await process.execution.signals.send(TENANT, signal)

        for _ in range(4):
            try:
                await self._server.call(send)
            except _UNKNOWN as unknown:
                self._observer.say(f"{self.name}: signal {token}: {unknown!r}")
            else:
                self._observer.say(f"{self.name}: signal {token} is kept")
                self._book.signals.add(token)
                self._book.count("signals")
                return

    async def answer(self, run_id: str) -> None:
        """Answer a run that waits for a person, if it does."""
        waiting = [run for run in self._observer.runs.values() if run.pause]
        if not waiting:
            return
        run = self._random.choice(waiting)
        if run.pause and run.pause.type == SIGNAL_PAUSE:
            await self.signal()
        else:
            await self.answer_to(run.id)

    async def answer_to(self, run_id: str) -> bool:
        """Answer this run."""
        run = self._observer.runs[run_id]
        assert run.pause is not None
        token = self._book.token()
        body = run.pause.body
        answer: JsonObject = {"type": run.pause.type, "comment": token}
        if run.pause.type == "request_user_action":
            actions: Any = body["actions"]
            answer["actionId"] = body["actionId"]
            answer["actionValue"] = self._random.choice(actions)["value"]
        reported = await self._ask(
            f"answer {run.id[-4:]} {token}",
            lambda p: p.execution.runs.resume(TENANT, run.id, answer, self._caller),
            run.id,
            lambda won: self._book.answers.__setitem__(token, won),
        )
        return reported is not None

    async def cancel(self, run_id: str) -> None:
        """Request the cancellation of a run, preferably one in the middle of a step."""
        runs = self._observer.runs.values()
        busy = [run.id for run in runs if run.state is State.EXECUTING]
        if busy and self._random.random() < 0.7:
            run_id = self._random.choice(busy)
        reason = self._book.token()
        run = await self._ask(
            f"cancel {run_id[-4:]} {reason}",
            lambda p: p.execution.runs.cancel(TENANT, run_id, reason, self.name),
            run_id,
        )
        if run and not (run.cancel_requested or run.is_over):
            self._observer.violated(f"{self.name} was told that {run_id} is cancelled: {run}")

    async def terminate(self, run_id: str) -> None:
        """Terminate a run."""
        reason = self._book.token()
        run = await self._ask(
            f"terminate {run_id[-4:]} {reason}",
            lambda p: p.execution.runs.terminate(TENANT, run_id, reason, self.name),
            run_id,
            lambda won: self._book.ends.__setitem__(reason, (run_id, won)),
        )
        if run and (run.status != "terminated" or run.reason != reason):
            self._observer.violated(f"{self.name} was told that it ended {run_id}: {run}")

    async def repair(self, run_id: str) -> None:
        """Repair a run, preferably one whose state allows a change."""
        random, who = self._random, (self._book.token(), self.name)
        waiting = [
            run.id
            for run in self._observer.runs.values()
            if run.held or run.state in (State.BACKING_OFF, State.SLEEPING)
        ]
        if waiting and random.random() < 0.8:
            run_id = random.choice(waiting)
        if self._observer.runs[run_id].held:
            await self.release(run_id)
            return
        made: Repair = random.choice(
            (
                TryNow(*who),
                GiveUp(*who),
                SkipStep({"skipped": True}, {}, *who),
                ChangeData({"changed": who[0]}, (), *who),
                HoldRun(*who),
                HoldRun(*who),
            )
        )
        await self._repair(run_id, made)

    async def release(self, run_id: str) -> bool:
        """Release a run that is held."""
        return await self._repair(run_id, ReleaseRun(self._book.token(), self.name))

    async def _repair(self, run_id: str, made: Repair) -> bool:
        reported = await self._ask(
            f"{type(made).__name__} {run_id[-4:]}",
            lambda p: p.execution.repairs.repair(TENANT, run_id, of_step(Meant(), made)),
            run_id,
        )
        if reported:
            self._book.count(type(made).__name__)
        return reported is not None

    async def look(self, run_id: str) -> None:
        """Read a run's state."""
        known = self._observer.known(run_id)
        await self._ask(
            f"look at {run_id[-4:]}",
            lambda p: p.execution.runs.read(TENANT, run_id),
            run_id,
            since=known,
        )

    async def wait(self, run_id: str) -> None:
        """Wait a limited time for a run to end or pause."""

        async def wait(process: Process) -> Run | None:
            outcome = await process.execution.runs.expect(TENANT, run_id)
            return await _outcome(self._observer, process, run_id, outcome)

        await self._ask(f"wait for {run_id[-4:]}", wait, run_id)

    async def _ask(
        self, what: str, work: Any, run_id: str | None = None, note: Any = None, since: int = 0
    ) -> Run | None:
        """Send a request and check the reply; return None if refused or unknown."""
        observer = self._observer
        before = observer.runs[run_id].seq if run_id in observer.runs else 0
        observer.say(f"{self.name}: {what}")
        try:
            run: Run = await self._server.call(work)
        except _UNKNOWN as unknown:
            self._book.count(type(unknown).__name__)
            observer.say(f"{self.name}: {what}: {unknown!r}")
            return None
        except (Rejected, InvalidAnswer) as refused:
            self._book.count(type(refused).__name__)
            observer.say(f"{self.name}: {what}: {refused!r}")
            if isinstance(refused, Rejected) and run_id:
                observer.refused(self.name, run_id, refused, before)
            if note:
                note(False)
            if isinstance(refused, InvalidAnswer) and observer.runs[run_id].seq == before:  # type: ignore[index] # an answer always has a run id
                observer.violated(f"{self.name}'s answer was called invalid: {refused}")
            return None
        except Exception as failure:  # noqa: BLE001 - any other error would be a 500
            observer.violated(f"{self.name} asked to {what} and got {failure!r}")
            return None
        observer.say(f"{self.name}: {what}: {run.status} at {run.seq}")
        observer.reported(self.name, run, asked_at=since)
        self._book.count(run.status.value)
        if note:
            note(True)
        return run


async def _start(
    observer: Observer, process: Process, workflow_id: str, key: str | None, *, wait: bool
) -> Run:
    """Start a run as `app/web/api/starts.py` does."""
    runs = process.execution.runs
    row, definition = await process.workflows.startable(TENANT, workflow_id, None)
    idempotency = IdempotencyKey(key, workflow_id) if key else None
    new = NewRun(TENANT, row.id, row.version, definition, {}, "client", {}, idempotency)
    try:
        run, outcome = await runs.start(new, wait=wait)
    except DuplicateStart as duplicate:
        if not duplicate.same:
            observer.violated(f"{key} is said to have started another workflow")
        run = await runs.read(TENANT, duplicate.run_id)
        outcome = await runs.expect(TENANT, run.id) if wait else None
    return run if outcome is None else await _outcome(observer, process, run.id, outcome)


async def _outcome(
    observer: Observer, process: Process, run_id: str, outcome: asyncio.Future[Run]
) -> Run:
    try:
        async with asyncio.timeout(7):
            return await outcome
    except (TimeoutError, asyncio.CancelledError):
        if not process.life.alive:
            raise
        if not outcome.done() or outcome.cancelled():
            if not process.stopping:
                observer.waited(run_id)
            return await process.execution.runs.stored(TENANT, run_id)
        return outcome.result()
