"""The calls to models that an attempt makes: in line with others, and within its budget."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from app.execution.attempts.answer_text import AnswerText
from app.execution.attempts.step_services import StepServices
from app.execution.live.live_run import Due, LiveRun
from app.llm.catalogue import KnownModel
from app.llm.embeddings import Embedded
from app.llm.failures import BrokenAnswer, all_failed
from app.llm.prices import estimate, estimate_texts
from app.spending.spending import Asker
from engine import JsonObject
from steps.contract.step_type import StepBroke
from steps.effects.chat import ChatAnswer, ChatRequest, in_nano
from steps.models.spending import LimitReached
from steps.models.tokens import bytes_tokens

_AGAIN_MS = 500
"""How long to wait before asking again after an unusable answer, in milliseconds."""
_LONGEST_WAIT_MS = 60_000


T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Once(Protocol[T_co]):
    """Asks a model once."""

    async def __call__(self, *, may_retry: bool) -> T_co:
        """Ask once; the provider's library retries only if `may_retry`."""
        ...


class _Come:
    """Counts how much of an answer has arrived, in case it breaks off."""

    def __init__(self) -> None:
        self._bytes = 0

    def take(self, piece: str) -> None:
        """Count a piece of the answer."""
        self._bytes += len(piece.encode())

    def tokens(self) -> int:
        """Return about how many tokens have arrived."""
        return bytes_tokens(self._bytes)


class ModelQuestions:
    """The calls to models of one attempt."""

    def __init__(
        self,
        services: StepServices,
        live: LiveRun,
        doing: Due,
        *,
        holds_turn: Callable[[], bool],
    ) -> None:
        self._services = services
        self._live = live
        self._doing = doing
        self._tenant = live.tenant
        self._holds_turn = holds_turn

    @property
    def asker(self) -> Asker:
        """Return who is asking: the run and step."""
        run = self._live.run
        return Asker(self._tenant, run.id, run.executions, run.workflow_id)

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        """Ask a model once, as soon as the budget has room for it."""
        await self._begin_budget()
        failures: list[tuple[str, StepBroke]] = []
        for one in await self._services.models.alternatives(self._tenant, request):
            try:
                return await self._chat(one)
            except LimitReached:
                raise
            except StepBroke as broke:
                failures.append((one.model or "", broke))
        raise all_failed(failures)

    async def embed(self, name: str, texts: Sequence[str]) -> Embedded:
        """Return a model's vectors for texts, as soon as the budget has room for it."""
        await self._begin_budget()
        models, tenant = self._services.models, self._tenant
        model = await models.named(tenant, name)

        async def once(*, may_retry: bool) -> Embedded:
            return await self._services.spending.spend(
                self.asker,
                "",
                estimate_texts(model.name, model.settings, texts),
                lambda: models.embed(tenant, model, texts, may_retry=may_retry),
            )

        return await self._in_line(model, once)

    async def _begin_budget(self) -> None:
        budget = self._live.usable.budget
        if budget is not None:
            await self._services.spending.begin_budget(self._live.run.id, in_nano(budget))

    async def _chat(self, request: ChatRequest) -> ChatAnswer:
        model = await self._services.models.named(self._tenant, request.model)

        async def once(*, may_retry: bool) -> ChatAnswer:
            return await self._ask_now(model, request, may_retry=may_retry)

        return await self._in_line(model, once)

    async def _in_line(self, model: KnownModel, once: "Once[T]") -> T:
        """Ask when it is the model's turn; ask again after an unusable answer."""
        if self._services.rates is not None:
            name = f"model:{model.name}"
            await self._services.rates.wait(name, self._tenant, holds_turn=self._holds_turn())
        # A step with a retry policy of its own waits in the journal, not here.
        may_retry = self._live.graph.steps[self._doing.step_id].retry.never_retries
        left = model.settings.retries if may_retry else 0
        owner = self._tenant if model.source == "tenant" else ""
        while True:
            try:
                async with self._services.model_turns.turn(
                    owner, model.name, model.settings, self._tenant, holds_turn=self._holds_turn()
                ):
                    return await once(may_retry=may_retry)
            except BrokenAnswer as broken:
                if not broken.error.retryable or left <= 0:
                    raise
                left -= 1
                wait_ms = max(broken.error.retry_after_ms or 0, _AGAIN_MS)
            await asyncio.sleep(min(wait_ms, _LONGEST_WAIT_MS) / 1_000)

    async def _ask_now(
        self, model: KnownModel, request: ChatRequest, *, may_retry: bool
    ) -> ChatAnswer:
        models, tenant = self._services.models, self._tenant
        text, come = self._answer_text(), _Come()

        def take(piece: str) -> None:
            come.take(piece)
            if text is not None:
                text.take(piece)

        answer = await self._services.spending.spend(
            self.asker,
            request.agent,
            estimate(model.name, model.settings, request),
            lambda: models.chat(tenant, request, may_retry=may_retry, on_text=take),
            come.tokens,
        )
        if text is not None:
            text.end()
        return answer

    def _answer_text(self) -> AnswerText | None:
        """Return what streams the answer as it arrives; None if nobody may see it."""
        if self._services.listeners is None or self._live.usable.sensitive:
            return None
        where: JsonObject = {
            "runId": self._live.run.id, "workflowId": self._live.run.workflow_id,
            "stepId": self._doing.step_id, "visit": self._doing.visit,
        }  # fmt: skip
        mask = self._services.secrets.masks[self._tenant].value
        return AnswerText(self._services.listeners, where, self._services.clock.now_ms, mask)
