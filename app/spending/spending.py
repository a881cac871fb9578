"""Checks every question to a model against its limits before it is asked, and records its usage.

The most that a question may use is written to disk before it is asked, and what it has used is
written before its answer is passed on. If the process crashes in between, the question is counted
at the maximum.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol, TypeVar

from app.clock import Clock
from app.concurrency.shield import shielded
from app.concurrency.until_set import until_set
from app.llm.prices import Estimate
from engine import iso_time
from engine.value import value
from journal import LimitHit, ModelCall, SpendingRow, SpendingTable, Spent, run_number
from steps.contract.step_type import StepBroke
from steps.effects.chat import Usage, in_currency
from steps.models.spending import LimitReached

_DAY = len("2026-11-29")
_KEPT = 10_000
_LOOK_EVERY_S = 1.0
_NEVER_ANSWERED = frozenset({"Timeout", "InvalidResponse"})
"""Failures after which it is unknown whether the provider did any work."""


@value(frozen=True, slots=True)
class Asker:
    """Who asks a model: a step execution of a run; empty when the question belongs to no run."""

    tenant: str
    run_id: str
    execution: int
    workflow_id: str


class Answer(Protocol):
    """An answer of a model."""

    @property
    def usage(self) -> Usage:
        """The tokens and cost that the answer used."""
        ...


A = TypeVar("A", bound=Answer)


class Spending:
    """Admits questions while their limits have room, and adds up what they use."""

    def __init__(self, table: SpendingTable, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._changed = asyncio.Event()
        self._letting_go: set[asyncio.Task[None]] = set()
        self._is_shared = False
        self._limits: dict[tuple[str, int], tuple[int | None, int | None]] = {}

    async def open(self) -> None:
        """Count the questions that a crash interrupted."""
        await self._table.settle_lost()

    def share(self) -> None:
        """Check for room periodically: another process may free some without notifying this one."""
        self._is_shared = True

    async def gained(self, shards: Collection[int]) -> None:
        """Count interrupted questions of shards that this process has taken over."""
        await self._table.settle_lost(shards)
        self._tell()

    async def limit(self, asker: Asker, tokens: int | None, nano: int | None) -> None:
        """Limit what a step execution may spend, including all runs below it."""
        key = (asker.run_id, asker.execution)
        if self._limits.get(key) == (tokens, nano):
            return
        await self._table.limit(*key, tokens, nano)
        self._remember(key, (tokens, nano))
        self._tell()

    async def begin_budget(self, run_id: str, nano: int) -> None:
        """Limit a run and all runs below it, as its definition says."""
        key = (run_id, 0)
        if key not in self._limits:
            await self._table.begin_budget(run_id, nano)
            self._remember(key, (None, nano))

    async def raise_budget(self, run_id: str, nano: int) -> None:
        """Raise the budget of a run."""
        await self._table.raise_budget(run_id, nano)
        self._tell()

    async def set_budget(self, tenant: str, workflow_id: str, nano: int | None) -> None:
        """Set the monthly budget of a tenant, or of a workflow if one is named; None removes it."""
        await self._table.set_budget(tenant, workflow_id, nano)
        self._tell()

    async def budgets(self, tenant: str) -> dict[str, int]:
        """Return a tenant's monthly budgets by workflow; the tenant's own has the empty name."""
        return await self._table.budgets(tenant)

    async def days(self, tenant: str, first: str, last: str) -> list[SpendingRow]:
        """Return what was spent between two days, both included."""
        return await self._table.days(tenant, first, last)

    def today(self) -> str:
        """Return the day in UTC, such as 2026-11-29."""
        return iso_time(self._clock.now_ms())[:_DAY]

    def _remember(self, key: tuple[str, int], most: tuple[int | None, int | None]) -> None:
        if len(self._limits) > _KEPT:
            self._limits.clear()
        self._limits[key] = most

    async def spend(
        self,
        asker: Asker,
        agent_id: str,
        estimate: Estimate,
        ask: Callable[[], Awaitable[A]],
        come: Callable[[], int] = lambda: 0,
    ) -> A:
        """Ask once the limits have room, and count the answer.

        If the answer breaks off, `come` tokens are counted: the number received so far.

        Raises:
            LimitReached: A limit has been used up; nothing was asked.
            StepBroke: As `ask` does.
        """
        question = self._model_call(asker, agent_id, estimate)
        number = await self._admitted(asker, question)
        try:
            answer = await ask()
        except StepBroke as broke:
            is_lost = broke.error.type in _NEVER_ANSWERED
            await self._settle(number, _sure(question, estimate, come()) if is_lost else None)
            raise
        except BaseException:
            await self._settle(number, _sure(question, estimate, come()))
            raise
        await self._settle(number, _spent(answer.usage))
        return answer

    async def _admitted(self, asker: Asker, question: ModelCall) -> int:
        while True:
            changed = self._changed
            admitted = await self._admit(question)
            if not isinstance(admitted, LimitHit):
                return admitted
            if not admitted.must_wait:
                raise _reached(admitted, asker)
            await self._until(changed)

    async def _until(self, changed: asyncio.Event) -> None:
        if not self._is_shared:
            await changed.wait()
            return
        await until_set(changed, _LOOK_EVERY_S)

    async def _admit(self, question: ModelCall) -> int | LimitHit:
        admitting = asyncio.ensure_future(self._table.admit(question))
        try:
            return await asyncio.shield(admitting)
        except asyncio.CancelledError:
            admitting.add_done_callback(self._let_go)
            raise

    def _let_go(self, admitting: "asyncio.Future[int | LimitHit]") -> None:
        """Release what was admitted for a caller that has gone away."""
        if admitting.cancelled() or admitting.exception():
            return
        admitted = admitting.result()
        if not isinstance(admitted, LimitHit):
            task = asyncio.create_task(self._settle_and_tell(admitted, None))
            self._letting_go.add(task)
            task.add_done_callback(self._letting_go.discard)

    async def _settle(self, number: int, spent: Spent | None) -> None:
        await shielded(self._settle_and_tell(number, spent))

    async def _settle_and_tell(self, number: int, spent: Spent | None) -> None:
        await self._table.settle(number, spent)
        self._tell()

    def _tell(self) -> None:
        """Wake those that wait for room, so that they check again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _model_call(self, asker: Asker, agent_id: str, estimate: Estimate) -> ModelCall:
        return ModelCall(
            tenant=asker.tenant,
            run=run_number(asker.run_id) if asker.run_id else 0,
            execution=asker.execution,
            workflow_id=asker.workflow_id,
            agent_id=agent_id,
            model=estimate.model,
            day=self.today(),
            held_tokens=estimate.tokens_in + estimate.tokens_out,
            held_nano=estimate.nano_in + estimate.nano_out,
            sure_tokens=estimate.tokens_in,
            sure_nano=estimate.nano_in,
        )


def _spent(usage: Usage) -> Spent:
    return Spent(
        usage.input_tokens,
        usage.cached_tokens,
        usage.output_tokens,
        usage.cost_nano or 0,
        usage.estimated,
    )


def _sure(question: ModelCall, estimate: Estimate, come: int) -> Spent:
    """Return the least that a question has used when its answer did not arrive completely."""
    a_token = estimate.nano_out / estimate.tokens_out if estimate.tokens_out else 0
    nano = question.sure_nano + round(come * a_token)
    return Spent(question.sure_tokens, 0, come, nano, estimated=True)


def _reached(hit: LimitHit, asker: Asker) -> LimitReached:
    amount = f"{hit.most:,} tokens" if hit.unit == "tokens" else f"{in_currency(hit.most):,g}"
    is_own = (hit.run_id, hit.execution) == (asker.run_id, asker.execution)
    whose = {
        "step": "this step" if is_own else f"a step of run {hit.run_id}, for which this one works,",
        "run": "the run" if hit.run_id == asker.run_id else f"run {hit.run_id}, above this one,",
        "workflow": "the workflow this month",
        "tenant": "the tenant this month",
    }[hit.scope]
    what = "its limit" if hit.scope == "step" else "the budget"
    message = f"{whose} has used up {what} of {amount}"
    return LimitReached(
        hit.scope, hit.unit, message, is_own=is_own, run_id=hit.run_id, most_nano=hit.most
    )
