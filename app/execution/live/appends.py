"""Appends: makes the events decided for a run durable, then publishes them.

Parts that need to know what is durable subscribe: requests that wait for a run, its timer, its
parent, the children it has left, the list of lost runs. This file knows none of them.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from app.clock import Clock
from app.concurrency.fair_loop import FairLoop
from app.definitions.versioned import DefinitionUnusable
from app.execution.live.cluster import Cluster
from app.execution.live.live_run import LiveRun, RunLost, left_step
from app.secrets.seal import KeyUnusable
from app.secrets.sensitive import SensitiveFields, shown_data
from engine import (
    ConditionFailed,
    Detach,
    Event,
    Graph,
    IllegalTransition,
    Input,
    JsonObject,
    Recorded,
    Rejected,
    Terminate,
    apply,
    react,
    scope,
)
from journal import (
    Corrupt,
    DuplicateStart,
    Head,
    Journal,
    Statement,
    Unavailable,
    Work,
    turn_of,
    wake,
)
from journal.writing.writer import resolve
from steps.document.captions import Caption
from steps.document.compiled import Definition
from steps.document.edge_condition import Answers, answered_by
from steps.language.allowance import Allowance
from steps.language.frozen import FrozenValues, frozen_by
from steps.language.opened_data import opened_by

Appended: TypeAlias = Callable[[LiveRun, Sequence[Event]], None]
"""Called when events of a run have become durable; the live run's `run` includes them."""

Lost: TypeAlias = Callable[[LiveRun], None]
"""Called when an append of a run had an unknown outcome; the copy in memory is then useless."""


class Appends:
    """Decides with the engine, makes the events durable, and publishes them.

    Attributes:
        on_append: Called in their order after each append with an event of one of the types listed
            with them, without a wait in between; must be complete before the first append.
        on_place: Called in the same way for runs of workflows with `concurrency`.
        on_loss: Called in their order after an append with unknown outcome.
        is_shared: Whether other processes carry runs on too.
        writes: The counts of the writer.
    """

    def __init__(  # noqa: PLR0913 - the parts below it, each passed in
        self,
        journal: Journal,
        clock: Clock,
        frozen: FrozenValues,
        fair_loop: FairLoop,
        sensitive: SensitiveFields,
        cluster: Cluster | None = None,
    ) -> None:
        self.on_append: list[tuple[frozenset[type[Event]], Appended]] = []
        self.on_place: list[Appended] = []
        self.on_loss: list[Lost] = []
        self._listeners: dict[frozenset[type[Event]], list[Appended]] = {}
        self._journal = journal
        self.writes = journal.counters
        self._clock = clock
        self._frozen = frozen
        self._fair_loop = fair_loop
        self._sensitive = sensitive
        self._cluster = cluster
        self.is_shared = cluster is not None

    async def happen(self, live: LiveRun, happened: Input) -> None:
        """Let the engine decide what follows; it becomes durable with the next flush."""
        async with live.lock:
            self.take(live, happened)

    def take(self, live: LiveRun, happened: Input) -> None:
        """Decide, with the lock held. Raises `Rejected`, and then nothing has changed."""
        if live.lost:
            raise RunLost(live.run.id, live.lost_by, is_before=True)
        definition = live.definition
        if isinstance(definition, DefinitionUnusable):
            raise definition
        graph, now_ms = definition.graph, self._clock.now_ms()
        try:
            visit = live.run.current
            if visit is None or not graph.has_conditions_after(visit.step_id):
                events = react(live.run, graph, happened, now_ms)
            else:
                # All edges share one allowance for their conditions.
                with Allowance(), frozen_by(self._frozen):
                    events = self._react_with_conditions(live, definition, happened, now_ms)
        except (Rejected, DefinitionUnusable):
            raise
        except BaseException:
            self.lose(live)  # it may have been changed in part
            raise
        live.pending.extend(events)

    def take_without_definition(self, live: LiveRun, command: Terminate | Detach) -> None:
        """Decide on a command for which the steps of the run do not matter. Raises `Rejected`."""
        live.pending.extend(react(live.run, Graph("", {}), command, self._clock.now_ms()))

    def _react_with_conditions(
        self, live: LiveRun, definition: Definition, happened: Input, now_ms: int
    ) -> tuple[Event, ...]:
        known = _answers(live, happened)
        if not known and not definition.sensitive:
            return react(live.run, definition.graph, happened, now_ms)
        with self.opened(live), answered_by(known):
            return react(live.run, definition.graph, happened, now_ms)

    def opened(self, live: LiveRun) -> AbstractContextManager[None]:
        """Let conditions read the sensitive data of a run, which is opened once for all of them."""
        names = live.usable.sensitive
        if not names:
            return nullcontext()
        last: list[JsonObject] = []

        def opens(data: JsonObject) -> JsonObject:
            if not last or last[0] is not data:
                try:
                    last[:] = [data, self._sensitive.opened(live.tenant, data, names)]
                except KeyUnusable as unusable:
                    raise ConditionFailed(str(unusable)) from unusable
            return last[1]

        return opened_by(opens)

    async def keep(self, live: LiveRun, recorded: Recorded, beside: Work | None = None) -> None:
        """Make a record of a step durable, together with `beside`.

        Raises journal errors; then `lost` is set. Raises `StepBroke` if the run has left the step,
        which must not continue from what is not recorded.
        """
        async with live.lock:
            if beside is not None and live.head is None:
                await self.append(live)  # the start of a run cannot be appended with `beside`
            self.take(live, recorded)
            visit = live.run.current
            here = visit and (visit.step_id, visit.visit) == (recorded.step_id, recorded.visit)
            if not (visit and here and recorded.name in visit.records):
                raise left_step()
            await self.append(live, beside)

    async def flush(self, live: LiveRun) -> None:
        """Make everything decided so far durable. Raises journal errors; then `lost` is set."""
        async with live.lock:
            await self.append(live)

    async def append(self, live: LiveRun, beside: Work | None = None) -> None:
        """Append the pending events and `beside`, all or nothing, with the lock held.

        An append that raises may have been stored all the same. The copy in memory is therefore
        given up: only the journal can say in what state the run is.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.write(live, partial(resolve, done), beside)
        try:
            await done
        except asyncio.CancelledError:
            self.lose(live)
            raise

    def write(
        self,
        live: LiveRun,
        then: Callable[[BaseException | None], None],
        beside: Work | None = None,
    ) -> None:
        """Append the pending events, with the lock held until `then` is called.

        `then` is called once they and `beside` are durable, or with the reason why that is unknown.
        """
        if live.lost:
            then(RunLost(live.run.id, live.lost_by, is_before=True))
            return
        if not live.pending:
            then(None)
            return
        events, live.pending = live.pending, []
        definition, caption = live.definition, None
        if isinstance(definition, Definition) and definition.captions is not None:
            caption = self._caption(live)

        settle = partial(self._settle, live, events, then)
        if live.head is None:
            key = live.idempotency
            self._journal.events.start(
                live.tenant, live.run, events, settle, idempotency=key, caption=caption
            )
        else:
            woken = None if self._cluster is None else self._wake(live, self._cluster)
            self._journal.events.append(live.head, events, live.run, settle, beside, caption, woken)

    def _wake(self, live: LiveRun, cluster: Cluster) -> Statement | None:
        """Return the statement that makes the owner continue, if another process owns the run."""
        if live.is_ours and cluster.owns(live.run.id):
            return None
        live.is_ours = False
        return wake(live.run.id, live.run.seq)

    async def catch_up(self, live: LiveRun) -> None:
        """Apply what another process has appended, with the lock held, and publish it here.

        Raises journal errors.
        """
        if live.head is None or live.pending or live.lost:
            return  # what is pending will be refused, and then the run is read again
        head, events = await self._journal.events.after(live.head)
        if not events:
            return
        try:
            for event in events:
                live.run = apply(live.run, event)
        except IllegalTransition as illegal:
            self.lose(live)
            raise Corrupt(live.run.id, head.seq, f"does not apply: {illegal}") from illegal
        live.head = replace(head, turn=turn_of(live.run))
        live.caption = None
        self._publish(live, events)

    def caption(self, live: LiveRun) -> Caption:
        """Return the title and the labels of a run as it is now."""
        definition = live.definition
        if isinstance(definition, DefinitionUnusable) or definition.captions is None:
            return Caption()
        shown = {**scope(live.run), "data": shown_data(live.run.data)}
        with frozen_by(self._frozen):
            return definition.captions.caption(shown)

    def _caption(self, live: LiveRun) -> Statement | None:
        """Return what stores the title and labels of a run, None if they have not changed."""
        before = Caption() if live.head is None else None
        caption = self.caption(live)
        if caption == (live.caption or before):
            return None
        live.caption = caption
        return self._journal.captions.keep(live.tenant, live.run, caption.title, caption.labels)

    def _settle(
        self,
        live: LiveRun,
        events: Sequence[Event],
        then: Callable[[BaseException | None], None],
        answer: Head | BaseException,
    ) -> None:
        """Record the result of an append in the tenant's turn, and pass it on to the caller."""
        if self._fair_loop.is_alone(live.tenant):
            then(self._appended(live, events, answer))
        else:
            self._fair_loop.call(live.tenant, lambda: then(self._appended(live, events, answer)))

    def _appended(
        self, live: LiveRun, events: Sequence[Event], answer: Head | BaseException
    ) -> BaseException | None:
        """Record the result of an append; return why its caller cannot continue, if so."""
        if isinstance(answer, BaseException):
            if not isinstance(answer, DuplicateStart):
                self.lose(live, answer)
            return answer
        if live.lost:
            return RunLost(live.run.id, live.lost_by)
        live.head = answer
        if self._cluster is not None and not live.is_ours:
            self._cluster.woken(live.run.id)
        kinds = frozenset(map(type, events))
        if self._listeners.get(kinds) == [] and live.run.place is None and not live.in_flight:
            return None  # as after most steps
        try:
            self._publish(live, events)
        except Exception as failure:  # noqa: BLE001 - the writer settles others next
            return failure
        return None

    async def start_together(self, lives: Sequence[LiveRun]) -> None:
        """Make the starts of new runs of one tenant durable, all or none. Raises as `append`."""
        starts = [(live.run, live.pending, self._caption(live)) for live in lives]
        async with AsyncExitStack() as locks:
            for live in lives:
                await locks.enter_async_context(live.lock)
                live.pending = []
            try:
                heads = await self._journal.events.start_together(lives[0].tenant, starts)
            except BaseException as failure:
                for live in lives:
                    self.lose(live, failure)
                raise
            for live, head, (_, events, _) in zip(lives, heads, starts, strict=True):
                live.head = head
                self._publish(live, events)

    def _publish(self, live: LiveRun, events: Sequence[Event]) -> None:
        kinds = frozenset(map(type, events))
        listeners = self._listeners.get(kinds)
        if listeners is None:
            listeners = self._listeners[kinds] = [
                heard for wanted, heard in self.on_append if not wanted.isdisjoint(kinds)
            ]
        for heard in listeners:
            heard(live, events)
        if live.run.place is not None:
            for heard in self.on_place:
                heard(live, events)
        if live.in_flight and not live.is_doing(live.in_flight.doing):
            # A command or a timer took the run out of the step: its outcome is not needed.
            live.in_flight.work.cancel()
            live.in_flight.abandon()

    def must_be_here(self, live: LiveRun) -> None:
        """Before the run acts, check that this process still carries it on. Raises `RunLost`."""
        if self._cluster is not None and not self._cluster.owns(live.run.id):
            raise RunLost(live.run.id, None)

    def lose(self, live: LiveRun, why: BaseException | None = None) -> None:
        """Give up the copy of a run in memory: only the journal knows its state."""
        if live.lost:
            return
        live.lost = True
        live.lost_by = why if isinstance(why, Unavailable) else None
        if live.in_flight:
            live.in_flight.stop(0)
        for heard in self.on_loss:
            heard(live)


def _answers(live: LiveRun, happened: Input) -> Answers:
    """Return the results of conditions evaluated ahead, unless the run has gone on since."""
    known = live.answered
    if known is None or known.happened is not happened or known.seq != live.run.seq:
        return {}
    return known.answers
