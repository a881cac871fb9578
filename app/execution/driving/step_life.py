"""The life of a step from its turn to its outcome: take a turn, attempt, mask, deliver, react.

The outcome is made durable before anything that depends on it happens; `driver.py` appends it. Most
attempts never wait and finish in the call that begins them. One that waits continues in a task, so
that it can be abandoned when a command or a timer takes the run out of the step.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeAlias

from app.concurrency.fair_queue import FairQueue
from app.concurrency.first_go import FirstGo
from app.concurrency.offload import offload
from app.concurrency.tenant import work_for
from app.definitions.versioned import DefinitionUnusable
from app.execution.attempts.attempt import Attempt
from app.execution.attempts.masked_outcome import masked_outcome
from app.execution.driving.stopping import Stopping
from app.execution.live.appends import Appends
from app.execution.live.conditions import answered_before, are_long
from app.execution.live.live_run import Due, InFlight, LiveRun
from app.secrets.seal import KeyUnusable
from app.secrets.sensitive import SensitiveFields
from app.telemetry.at_work import at_work, step_at_work
from app.telemetry.counters import Counters
from engine import (
    AwaitsChildren,
    Broke,
    Delivered,
    Execute,
    Input,
    JsonObject,
    Run,
    StepError,
    Stopped,
)
from steps.contract.step_type import Problem, listed
from steps.document.compiled import CompiledStep
from steps.effects.effects import Effects
from steps.fields.fields import Fields
from steps.language.allowance import Allowance, open_allowance
from steps.language.beside import share_way
from steps.language.frozen import FrozenValues, share_frozen


class EffectsOf(Protocol):
    """Returns the effects that one attempt of a step may use."""

    def __call__(self, live: LiveRun, doing: Due) -> Effects:
        """Return the effects of the attempt."""
        ...


class UnknownFiles(Protocol):
    """Returns a problem for each id in file fields that names no file of a tenant."""

    async def __call__(
        self, tenant: str, fields: Fields, data: JsonObject, path: str
    ) -> Sequence[Problem]:
        """Return the problems; each path begins with `path`."""
        ...


_MOST_CONTEXTS = 1_000
"""For how many tenants a context is kept."""

Settled: TypeAlias = Callable[[LiveRun, Due, Input | BaseException], None]
"""Receives the outcome of an attempt that had to wait."""


class StepLife:
    """Executes steps, in the order in which tenants take turns."""

    def __init__(  # noqa: PLR0913 - the parts a step touches, each passed in
        self,
        appends: Appends,
        effects_of: EffectsOf,
        stopping: Stopping,
        sensitive: SensitiveFields,
        acting: FairQueue,
        counters: Counters,
        frozen: FrozenValues,
        unknown_files: UnknownFiles,
    ) -> None:
        self._appends = appends
        self._unknown_files = unknown_files
        self._effects_of = effects_of
        self._stopping = stopping
        self._masks = sensitive.masks
        self._sensitive = sensitive
        self._acting = acting
        self._counters = counters
        # A context of their own: steps must not inherit the context of the code that carries a run
        # on.
        self._context = copy_context()
        self._context.run(share_frozen, frozen)
        self._context.run(share_way, offload)
        self._contexts: dict[str, Context] = {}
        self._frozen = frozen
        self._first_go = FirstGo[Input](self._context)

    def attempt(self, live: LiveRun, doing: Due) -> Attempt:
        """Return the attempt that is due. Raises `DefinitionUnusable`."""
        definition = live.definition
        if isinstance(definition, DefinitionUnusable):
            raise definition
        step = definition.steps[doing.step_id]
        effects = self._effects_of(live, doing)
        acts = step.asked.acts
        if acts is None:
            with at_work(live.run.id, doing.step_id):  # a third-party step type may block the loop
                acts = step.type.acts_now(step.settings, effects)
            if step.type.built_in:
                step.asked.acts = acts
        return Attempt(live.run.id, doing, definition, step, effects, acts=acts)

    def stop(self) -> None:
        """Give no more turns: the server is stopping."""
        self._acting.close()
        self._first_go.close()

    def begin(self, live: LiveRun, attempt: Attempt, settled: Settled) -> Input | None:
        """Execute an attempt; return its outcome, or None if it waits and `settled` receives it.

        Raises what the attempt raises, unless it waits.
        """
        if attempt.acts and not self._acting.may_begin(live.tenant):
            in_line = self._attempt_in_line(live, attempt)
            context = self._context_of(live.tenant).copy()
            context.run(step_at_work.set, attempt)
            work = asyncio.create_task(in_line, context=context)
        else:
            try:
                begin = self._contexts.get(live.tenant) or self._context_of(live.tenant)
                came = self._first_go.start(self._attempt(live, attempt), begin)
            except asyncio.CancelledError:
                came = _cut_off(live.run)
            if not isinstance(came, asyncio.Task):
                return came
            work = came
            attempt.begin(work)
            if attempt.acts:  # no other code has run in between, so the turn is still free
                self._acting.take(live.tenant)
                work.add_done_callback(lambda _: self._acting.give(live.tenant, 1))
        live.in_flight = in_flight = InFlight(
            attempt.doing, work, partial(settled, live, attempt.doing)
        )
        work.add_done_callback(lambda done: _settle(done, in_flight, live.run))
        return None

    def _context_of(self, tenant: str) -> Context:
        """Return the context that every attempt of a tenant begins with a copy of."""
        context = self._contexts.get(tenant)
        if context is None:
            if len(self._contexts) >= _MOST_CONTEXTS:
                self._contexts.clear()
            context = self._contexts[tenant] = self._context.copy()
            context.run(work_for, tenant)
        return context

    async def _attempt_in_line(self, live: LiveRun, attempt: Attempt) -> Input:
        async with self._acting.turn(live.tenant):
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - a coroutine of a task
            attempt.begin(task)
            return await self._attempt(live, attempt)

    async def asked_with(self, live: LiveRun, data: JsonObject) -> Input | None:
        """Return what the step in which a run is paused gives with other data.

        None if the step acts on the world, since it is only asked.
        """
        run = replace(live.run, data=data)
        where = run.current
        assert where is not None  # noqa: S101 - a paused run is in a step
        attempt = self.attempt(live, Execute(where.step_id, where.visit, where.attempt))
        if attempt.acts:
            return None
        context = self._context_of(live.tenant).copy()
        return await asyncio.create_task(self._attempt(live, attempt, run), context=context)

    async def _attempt(self, live: LiveRun, attempt: Attempt, asked: Run | None = None) -> Input:
        """Execute an attempt in a context of its own; `asked` stands for the run if it is given.

        Raises `RunLost` if the step acts but the run belongs to another process by now.
        """
        if attempt.acts and self._appends.is_shared:
            self._appends.must_be_here(live)
        step_at_work.set(attempt)
        open_allowance.set(Allowance())
        run, names, own = asked or live.run, attempt.definition.sensitive, None
        if names:  # it may use sealed fields of the data
            try:
                data, own = await self._sensitive.opened_for_step(live.tenant, run.data, names)
            except KeyUnusable as sealed:
                return Broke(StepError("SealedAway", str(sealed)))
            run = replace(run, data=data)
        outcome = await attempt.execute(run)
        if attempt.step.output.has_files and isinstance(outcome, Delivered):
            outcome = await self._with_known_files(live.tenant, attempt.step, outcome)
        self._counters.attempt(attempt.step.type.type, outcome)
        if own is not None:
            sealed_names = attempt.step.output.sensitive
            outcome = await self._sensitive.closed(live.tenant, outcome, sealed_names)
            outcome = await masked_outcome(outcome, own)
        mask = self._masks[live.tenant]
        if mask.is_due:
            await mask.settle()
        if mask.is_needed:
            outcome = await masked_outcome(outcome, mask)
        graph = attempt.definition.graph
        step = graph.steps[attempt.doing.step_id]
        if step.has_conditions and live.is_doing(attempt.doing):
            live.answered = None
            if are_long(live.run, step, outcome, names):
                opened, now_ms = self._appends.opened(live), attempt.effects.now_ms()
                live.answered = await answered_before(
                    live.run, graph, outcome, self._frozen, now_ms, opened
                )
        return outcome

    async def _with_known_files(self, tenant: str, step: CompiledStep, outcome: Delivered) -> Input:
        """Return the outcome, or a failure if a declared file of it does not exist."""
        unknown = await self._unknown_files(tenant, step.output, outcome.data, "output")
        if not unknown:
            return outcome
        message = f"step {step.id} did not deliver its declared output: {listed(unknown)}"
        return Broke(StepError("InvalidOutput", message, retryable=False))

    def deliver(self, live: LiveRun, doing: Due, happened: Input) -> bool:
        """Give the outcome to the engine, with the lock held, unless the run has left the attempt.

        Returns False if child runs may be open: what follows may then have to wait until they end.
        """
        if live.is_doing(doing):
            if isinstance(happened, AwaitsChildren):
                if live.run.is_stopping:
                    happened = Stopped()
                elif live.is_notified:  # it looks again; the pause may be answered by now
                    happened = replace(happened, pause=None)
            if live.may_have_children and isinstance(happened, Broke | Stopped):
                return False
            self._appends.take(live, happened)
        return True

    async def deliver_past_children(self, live: LiveRun, doing: Due, happened: Input) -> None:
        """Give a failure or a cancel to the engine, as `deliver` does.

        What follows begins once the step's child runs have stopped.
        """
        async with live.lock:
            if live.is_doing(doing):
                if isinstance(happened, AwaitsChildren):
                    happened = Stopped()
                if isinstance(happened, Broke | Stopped):
                    happened = await self._stopping.with_time(live, happened)
                self._appends.take(live, happened)


def _settle(work: asyncio.Task[Input], in_flight: InFlight, run: Run) -> None:
    if not work.cancelled():
        in_flight.settle(work.exception() or work.result())
    else:
        in_flight.settle(_cut_off(run))


def _cut_off(run: Run) -> Input:
    """Return the outcome of a cancelled attempt: stopped by a command, or cancelled by itself."""
    if run.is_stopping or run.is_over:
        return Stopped()
    return Broke(StepError("StepCrashed", "the step cancelled itself"))
