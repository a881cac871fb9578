"""The live effects: what steps do to the outside world in a running server."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from app.concurrency.attempt_timeout import PartTimeout
from app.concurrency.call_rates import CallRates
from app.concurrency.shield import shielded
from app.execution.attempts.answer_text import recording
from app.execution.attempts.knowledge_calls import KnowledgeCalls
from app.execution.attempts.model_questions import ModelQuestions
from app.execution.attempts.step_services import StepServices
from app.execution.driving.children import Children
from app.execution.driving.signals import Signals
from app.execution.live.appends import Appends
from app.execution.live.live_run import Due, LiveRun, left_step
from app.files.spool import StorageError
from app.llm.embeddings import Embedded
from app.outbound.fence import fenced
from app.outbound.sink import Sink
from app.telemetry.at_work import Work, step_at_work
from app.telemetry.traces import HEADER as TRACEPARENT
from app.telemetry.traces import span_of_step, trace_of
from engine import Json, JsonObject, Record, Recorded
from journal import ExchangeRow, ThreadInUse, ThreadOfAnother, UnknownRun
from steps.contract.step_type import StepBroke
from steps.effects.agent_exchange import Exchange
from steps.effects.chat import ChatAnswer, ChatRequest, in_nano
from steps.effects.child_runs import ChildPlan, ChildrenEnded, ChildrenOpen, ChildRun
from steps.effects.effects import ToolContext, ToolInfo
from steps.effects.http_messages import FileNaming, HttpRequest, HttpResponse, KeptFile
from steps.effects.outgoing import OutgoingSignal, TokenRequest
from steps.effects.stored_file import StoredFile
from steps.effects.usable_agent import Agent
from steps.language.strict_json import as_kept
from steps.tools.asks import answers_to


class LiveEffects:
    """The real effects of one attempt."""

    __slots__ = ("_appends", "_children", "_doing", "_live", "_services", "_signals", "_tenant")

    def __init__(  # noqa: PLR0913 - the parts that effects touch, each passed in
        self,
        services: StepServices,
        children: Children,
        appends: Appends,
        signals: Signals,
        live: LiveRun,
        doing: Due,
    ) -> None:
        self._services = services
        self._children = children
        self._appends = appends
        self._signals = signals
        self._live = live
        self._doing = doing
        self._tenant = live.tenant

    def now_ms(self) -> int:
        """Return the wall clock's time in Unix milliseconds."""
        return self._services.clock.now_ms()

    async def http(self, request: HttpRequest) -> HttpResponse:
        """Send a request."""
        if self._services.rates is not None:
            await self._in_time(self._services.rates, f"host:{urlsplit(request.url).hostname}")
        return await self._sent(request)

    async def _sent(self, request: HttpRequest, sink: Sink | None = None) -> HttpResponse:
        client, request = self._services.client, self._traced(request)
        if not self._appends.is_shared:
            return await client.send(request, self._tenant, sink)
        with fenced(lambda: self._appends.must_be_here(self._live)):
            return await client.send(request, self._tenant, sink)

    def _traced(self, request: HttpRequest) -> HttpRequest:
        """Return the request with the trace header of the step's span, if the run has a trace."""
        run = self._live.run
        trace = trace_of(run) if TRACEPARENT in run.context else None
        if trace is None or any(name.lower() == TRACEPARENT for name in request.headers):
            return request
        named = trace.header(span_of_step(run.id, run.executions))
        return replace(request, headers={**request.headers, TRACEPARENT: named})

    async def download(
        self, request: HttpRequest, name: FileNaming, keeps: Callable[[int], bool]
    ) -> HttpResponse:
        """Send a request, and store the body of a successful answer as it arrives."""
        if self._services.rates is not None:
            await self._in_time(self._services.rates, f"host:{urlsplit(request.url).hostname}")
        made = self._doing.idempotency_key(self._live.run.id)
        try:
            async with self._services.files.receive(self._tenant, made) as incoming:
                sink = Sink(keeps, incoming.write)
                response = await self._sent(request, sink)
                if not keeps(response.status):
                    return response
                row = await incoming.keep(name(response), response.media_type)
        except StorageError as away:
            raise StepBroke("StorageUnavailable", str(away)) from away
        return replace(response, file=KeptFile(row.id, row.size))

    async def _in_time(self, rates: CallRates, name: str) -> None:
        """Wait until the rate limit of a name allows a call, if it has one."""
        await rates.wait(name, self._tenant, holds_turn=self._holds_turn())

    def _holds_turn(self) -> bool:
        """Return whether the attempt holds a turn to act, which it can lend out while it waits."""
        step = self._live.usable.steps[self._doing.step_id]
        return step.type.acts_now(step.settings, self)

    def within(self, seconds: float) -> PartTimeout:
        """Limit the time of a part of the attempt; waiting in line does not count."""
        return PartTimeout(seconds)

    async def token(self, request: TokenRequest, refused: str | None = None) -> str:
        """Return an OAuth token."""
        return await self._services.tokens.token(self._tenant, request, refused)

    async def file(self, file_id: str) -> StoredFile:
        """Read an uploaded file."""
        return await self._services.files.read_for_step(self._tenant, file_id)

    async def save_file(self, name: str, media_type: str, content: bytes, call: str = "") -> str:
        """Store a file; a repeat after a crash stores the same file again."""
        made = f"{self._doing.idempotency_key(self._live.run.id)}:{call}"
        return await self._services.files.save(self._tenant, made, name, media_type, content)

    async def takes(self, model: str | None) -> Collection[str]:
        """Return which media types a model accepts besides text."""
        return (await self._services.models.named(self._tenant, model)).settings.takes

    async def secret(self, name: str) -> str:
        """Return a secret."""
        return await self._services.secrets.get(self._tenant, name)

    async def tool(self, tool_id: str, arguments: JsonObject, call: str = "") -> Json:
        """Call a tool."""
        services = self._services
        if services.rates is not None and not self.is_pure(tool_id):
            await self._in_time(services.rates, f"tool:{tool_id}")
        context_of = partial(self._tool_context, call)
        at_work = step_at_work.get()
        if call or at_work is None:  # several at once, each in a context of its own
            named = Work(self._live.run.id, self._doing.step_id, tool_id)
            before = step_at_work.set(named)
            try:
                return await services.tools.call(tool_id, arguments, context_of)
            finally:
                step_at_work.reset(before)
        at_work.tool = tool_id
        try:
            return await services.tools.call(tool_id, arguments, context_of)
        finally:
            at_work.tool = None

    def _tool_context(self, call: str) -> ToolContext:
        key = self._doing.idempotency_key(self._live.run.id)
        begin = f"{call}/" if call else ""
        return ToolContext(
            run_id=self._live.run.id,
            step_id=self._doing.step_id,
            attempt=self._doing.attempt,
            idempotency_key=f"{key}:{call}" if call else key,
            file=partial(self._services.files.read_for_step, self._tenant),
            tenant=self._tenant,
            save=partial(self._services.files.save, self._tenant, key),
            knowledge=KnowledgeCalls(
                self._services.knowledge, self._embed, self._tenant, self, begin
            ).call,
            answers=answers_to(self.recalled, begin),
            store=partial(self._services.store.call, self._tenant, f"{key}:{call}"),
        )

    async def _embed(self, model: str, texts: Sequence[str]) -> Embedded:
        return await self._questions().embed(model, texts)

    def is_pure(self, tool_id: str) -> bool:
        """Return whether a tool depends on nothing but its arguments."""
        return self._services.tools.is_pure(tool_id)

    async def tools(self) -> Sequence[ToolInfo]:
        """List the tools."""
        return await self._services.tools.list()

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        """Ask a model once, as soon as the budget has room for it."""
        return await self._questions().chat(request)

    def _questions(self) -> ModelQuestions:
        return ModelQuestions(self._services, self._live, self._doing, holds_turn=self._holds_turn)

    async def limit(self, tokens: int | None, cost: float | None) -> None:
        """Limit what this visit may spend on models, including all child runs below it."""
        nano = None if cost is None else in_nano(cost)
        await self._services.spending.limit(self._questions().asker, tokens, nano)

    async def raise_budget(self, run_id: str, cost: float) -> None:
        """Raise the budget of a run."""
        await self._services.spending.raise_budget(run_id, in_nano(cost))

    async def agent(self, agent_id: str, version: str | None) -> Agent:
        """Return a version of a stored agent."""
        return await self._services.agents.usable(self._tenant, agent_id, version)

    async def thread(self, thread_id: str, agent_id: str) -> int:
        """Open a thread for writing."""
        run = self._live.run
        try:
            return await self._services.threads.claim(
                self._tenant, thread_id, agent_id, run.id, run.executions, self.now_ms()
            )
        except ThreadInUse as used:
            raise StepBroke("ThreadInUse", str(used)) from used
        except ThreadOfAnother as other:
            raise StepBroke("InvalidRequest", str(other), retryable=False) from other

    async def exchanges(self, thread_id: str, length: int) -> Sequence[Exchange]:
        """Return the exchanges of a thread."""
        rows = await self._services.threads.exchanges(self._tenant, thread_id, length)
        return [Exchange(row.number, row.message, row.answer) for row in rows]

    async def add_exchange(self, thread_id: str, exchange: Exchange) -> None:
        """Add an exchange to a thread, without the secrets that the step was given."""
        mask, tenant = self._services.secrets.mask, self._tenant
        message = str(await mask(tenant, exchange.message))
        answer = str(await mask(tenant, exchange.answer))
        row = ExchangeRow(exchange.number, self._live.run.id, message, answer, self.now_ms())
        await self._services.threads.add(tenant, thread_id, row)

    async def workflow_as_tool(self, workflow_id: str) -> ToolInfo:
        """Describe a workflow that is marked as a tool."""
        return await self._services.workflows.as_tool(self._tenant, workflow_id)

    async def record(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:
        """Return a record of this visit; if there is none, do the work and record its result."""
        if name in self._records():
            return self.recalled(name)
        recording.set(name)
        value = await work()
        (_, value), _ = as_kept(f"record {name!r} is", [name, value], "InvalidOutput")
        value = await self._services.secrets.mask(self._tenant, value)
        kept = Recorded(self._doing.step_id, self._doing.visit, name, value)
        # The outcome of an append that is cut off is unknown, and the run would be lost.
        await shielded(self._appends.keep(self._live, kept))
        return value

    def recalled(self, name: str) -> Json:
        """Return a record of this visit, None if there is none."""
        visit, doing = self._live.run.current, self._doing
        if visit is not None and not visit.records and visit.step_id == doing.step_id:
            return None
        record = self._records().get(name)
        return record.value if record else None

    async def visit_records(self, run_id: str, step_id: str, visit: int) -> Mapping[str, Json]:
        """Return the records of another visit."""
        try:
            _, run = await self._services.events.run(run_id, self._tenant)
        except UnknownRun as unknown:
            raise StepBroke("InvalidRequest", str(unknown), retryable=False) from unknown
        for one in run.history:
            if (one.step_id, one.visit) == (step_id, visit):
                return {name: record.value for name, record in one.records.items()}
        message = f"run {run_id} has had no visit {visit} of step {step_id}"
        raise StepBroke("InvalidRequest", message, retryable=False)

    def _records(self) -> Mapping[str, Record]:
        """Return the records of this visit. Raises `StepBroke` once the run has left it."""
        visit = self._live.run.current
        if visit is None or not self._live.is_doing(self._doing):
            raise left_step()
        return visit.records

    async def send_signal(self, signal: OutgoingSignal) -> None:
        """Send a signal, in the same transaction as the record of sending it."""
        if self._live.usable.sensitive:
            data = await self._services.secrets.mask(self._tenant, signal.data)
            signal = replace(signal, data=data)
        if "sent" not in self._records():
            await shielded(self._signals.send_from(self._live, self._doing, signal))

    def callback_key(self, step_id: str) -> str:
        """Return the name of the newest visit of a step; empty if the run has not entered it."""
        visit = self._live.run.visits.get(step_id)
        return f"{self._live.run.id}:{step_id}:{visit}" if visit else ""

    def callback_url(self) -> str:
        """Return the callback address of this visit, the same for all its attempts."""
        where = (self._live.run.id, self._doing.step_id, self._doing.visit)
        return self._services.callbacks.address(self._tenant, *where)

    async def children(self, plan: ChildPlan) -> ChildrenEnded | ChildrenOpen:
        """Start the child runs of a plan that are due, and return the state of all of them."""
        if self._live.usable.sensitive:
            plan = self._masked_plan(plan)
        return await self._children.gather(self._live, self._doing, plan)

    async def start_detached(self, child: ChildRun, number: int, like: str | None = None) -> str:
        """Start a run that the step does not wait for."""
        if self._live.usable.sensitive:
            child = await self._masked(child)
        work = self._children.start_detached(self._live, self._doing, child, number, like)
        return await shielded(work)

    def _masked_plan(self, plan: ChildPlan) -> ChildPlan:
        async def after(number: int, results: Mapping[int, Json]) -> ChildRun:
            return await self._masked(await plan.child_run(number, results))

        return replace(plan, child=lambda number: after(number, {}), after=after)

    async def _masked(self, child: ChildRun) -> ChildRun:
        """Return a child run without the sensitive values of this run, which it would show."""
        data = await self._services.secrets.mask(self._tenant, child.data)
        return replace(child, data=data if isinstance(data, dict) else {})
