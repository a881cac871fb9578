"""Runs as the rest of the server sees them: start, answer, cancel, terminate, wait.

Which runs are in memory, and what holds them, is in `live_runs.py`; how a run is driven is in
`driver.py`; what makes a run go on without being asked is in `wake_ups.py`.
"""

import asyncio
import contextlib
from collections.abc import Callable

from app.auth.caller import Caller
from app.clock import Clock
from app.definitions.versioned import DefinitionUnusable
from app.execution.answering.answers import accept, asked_child, for_child, was_given
from app.execution.commands.fenced import Fenced
from app.execution.driving.driving import Driving
from app.execution.driving.stopping import Stopping
from app.execution.live.appends import Appends
from app.execution.live.live_run import LiveRun, RunLost
from app.execution.live.live_runs import LiveRuns, Load
from app.execution.live.waiters import Waiters, is_settled
from app.execution.starting.new_run import NewRun
from app.execution.starting.starts import Starts
from engine import (
    AnswerKey,
    Cancel,
    ChildResumed,
    Detach,
    JsonObject,
    Rejected,
    Run,
    Terminate,
)
from journal import Journal, RecentRun, UnknownRun

_NO_KEY = AnswerKey()


class Runs:
    """The entry point to all runs of this server.

    Attributes:
        on_question: Called with the tenant and the run when somebody asks for one that is under
            way.
    """

    def __init__(  # noqa: PLR0913 - the parts a run touches, each passed in
        self,
        journal: Journal,
        clock: Clock,
        appends: Appends,
        live_runs: LiveRuns,
        starts: Starts,
        driving: Driving,
        waiters: Waiters,
        stopping: Stopping,
        fenced: Fenced,
    ) -> None:
        self.on_question: list[Callable[[str, str], None]] = []
        self._journal = journal
        self._clock = clock
        self._appends = appends
        self._live_runs = live_runs
        self._starts = starts
        self._driving = driving
        self._waiters = waiters
        self._fenced = fenced
        self._stopping = stopping

    async def start(self, new: NewRun, *, wait: bool) -> tuple[Run, asyncio.Future[Run] | None]:
        """Start a run: durable when this returns.

        With `wait`, also return a future of its outcome. The run changes until that future is done,
        and is durable only then: no caller knows of the run before, so its start needs no commit of
        its own. If it is unknown whether it was stored, the future raises `RunLost`.

        Raises:
            DuplicateStart: The idempotency key has been used before.
        """
        live = await self._starts.hold_new(new)
        try:
            has_failed = live.run.is_over
            if new.idempotency or not wait or has_failed:
                await self._appends.flush(live)
            outcome = self._waiters.expect(live.run.id) if wait else None
            shown = live.run if outcome is not None else live.run.copy()
            if outcome is not None and has_failed:
                outcome.set_result(shown)
            self._driving.carry_on(live)
            return shown, outcome
        finally:
            self._starts.let_go(live)

    async def stored(self, tenant: str, run_id: str) -> Run:
        """Return the current state of a run once all of it is durable. Raises as an append does."""
        try:
            async with self._live_runs.load(tenant, run_id) as live:
                await self._appends.flush(live)
                return live.run.copy()
        except UnknownRun:
            raise RunLost(run_id, None) from None  # its start has not been stored

    async def read(self, tenant: str, run_id: str) -> Run:
        """Return the run as stored in the journal. Raises `UnknownRun` and `Corrupt`."""
        _, run = await self._journal.events.run(run_id, tenant)
        self._asked(tenant, run)
        return run

    async def recent(self, tenant: str, run_id: str, shown: int) -> RecentRun:
        """Return the run with its last visits, `shown` at least. Raises as `read`."""
        found = await self._journal.recent.of(run_id, tenant, shown)
        self._asked(tenant, found.run)
        return found

    def _asked(self, tenant: str, run: Run) -> None:
        if not is_settled(run):
            for heard in self.on_question:
                heard(tenant, run.id)

    async def expect(self, tenant: str, run_id: str) -> asyncio.Future[Run]:
        """Return a future of the run's end or pause, done at once if that has come."""
        async with self._live_runs.load(tenant, run_id) as live, live.lock:
            if live.lost:
                raise RunLost(run_id, live.lost_by)
            future = self._waiters.expect(run_id)
            if not live.pending and is_settled(live.run) and not future.done():
                future.set_result(live.run.copy())
            self._asked(tenant, live.run)
            return future

    async def resume(
        self,
        tenant: str,
        run_id: str,
        answer: JsonObject,
        caller: Caller,
        key: AnswerKey = _NO_KEY,
    ) -> Run:
        """Answer a paused run, or the child run for which it is paused.

        The answer is durable when this returns. Repeating an answer under its idempotency key
        changes nothing.

        Raises:
            NotPaused: The run waits for no answer, or for a different one.
            InvalidAnswer: The answer does not fit; the run stays paused.
            AnswerKeyReused: The key has been used for another answer.
        """
        return await self._fenced(
            lambda load: self._resume(load, tenant, run_id, answer, caller, key)
        )

    async def _resume(  # noqa: PLR0913 - what `resume` is given, and how to load
        self,
        load: Load,
        tenant: str,
        run_id: str,
        answer: JsonObject,
        caller: Caller,
        key: AnswerKey,
    ) -> Run:
        async with load(tenant, run_id) as live:
            async with live.lock:
                await self._appends.append(live)  # no refusal before its cause is durable
                if was_given(live.run, key):
                    return live.run.copy()
                asked = live.run.copy()
                child_id = asked_child(asked, answer)
                if child_id is None:
                    now_ms = self._clock.now_ms()
                    self._appends.take(live, accept(live, answer, caller, now_ms, key))
                    await self._appends.append(live)
            if child_id is None:
                return self._driving.go_on(live)
        await self.resume(tenant, child_id, for_child(asked, answer), caller, key)
        return await self._fenced(lambda load: self._child_resumed(load, tenant, run_id, key))

    async def _child_resumed(self, load: Load, tenant: str, run_id: str, key: AnswerKey) -> Run:
        async with load(tenant, run_id) as live:
            await self._appends.happen(live, ChildResumed(key))
            await self._appends.flush(live)
            return self._driving.go_on(live)

    async def cancel(
        self,
        tenant: str | None,
        run_id: str,
        reason: str | None,
        caller: str,
        *,
        workflow_id: str | None = None,
    ) -> Run:
        """Ask a run to stop gracefully.

        Raises:
            UnknownRun: There is no such run, or not of that workflow.
            RunIsOver: It has ended.
            AlreadyCancelling: It has been asked before.
        """

        async def change(live: LiveRun) -> None:
            self._appends.take(live, Cancel(reason, caller, await self._stopping.grace_ms(live)))

        def then(live: LiveRun) -> Run:
            if live.run.is_stopping:
                self._stopping.ask_step(live)
            return self._driving.go_on(live)

        return await self._fenced.changed(tenant, run_id, change, then, workflow_id)

    async def terminate(
        self,
        tenant: str | None,
        run_id: str,
        reason: str | None,
        caller: str,
        *,
        workflow_id: str | None = None,
    ) -> Run:
        """End a run at once, whatever it is doing, even if its definition is unusable.

        Raises:
            UnknownRun: There is no such run, or not of that workflow.
            RunIsOver: It has ended.
        """

        async def change(live: LiveRun) -> None:
            self._appends.take_without_definition(live, Terminate(reason, caller))

        return await self._fenced.changed(tenant, run_id, change, _shown, workflow_id)

    async def detach(self, run_id: str) -> None:
        """Let a run whose parent no longer waits for it continue by itself, if it is open."""

        async def change(live: LiveRun) -> None:
            self._appends.take_without_definition(live, Detach())

        await self._fenced.changed(None, run_id, change, _shown)

    async def end(self, tenant: str | None, run_id: str, reason: str, caller: str) -> None:
        """Cancel a run, or terminate it if its definition is unusable: it could not clean up.

        For whatever goes on without a run; nobody is there to decide. Raises as `cancel`.
        """
        try:
            await self.cancel(tenant, run_id, reason, caller)
        except DefinitionUnusable:
            await self.terminate(tenant, run_id, reason, caller)

    async def stop(self, run_id: str, *, terminate: bool) -> None:
        """Stop a run whose parent no longer waits for it; one that has ended does not change."""
        stopped = self.terminate if terminate else self.end
        with contextlib.suppress(Rejected):
            await stopped(None, run_id, "the run that started it has stopped", "parent")

    async def close(self, grace_s: float) -> None:
        """Let steps in flight finish for `grace_s` seconds; the next start resumes the others."""
        self._waiters.close()
        await self._driving.close(grace_s)

    def let_go(self) -> None:
        """Start no more steps and end all waiting: the server is stopping."""
        self._driving.stop()
        self._waiters.close()


def _shown(live: LiveRun) -> Run:
    return live.run.copy()
