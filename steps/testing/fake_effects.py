"""Effects for tests: they answer with what a test provides, and refuse everything else."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from inspect import isawaitable
from typing import Any, TypeAlias, TypeVar

from engine import Json, JsonObject
from steps.agents.agent import compile_agent
from steps.contract.step_type import StepBroke, StepInput
from steps.effects.agent_exchange import Exchange
from steps.effects.chat import ChatAnswer, ChatRequest
from steps.effects.child_runs import ChildEnd, ChildPlan, ChildrenEnded, ChildrenOpen, ChildRun
from steps.effects.effects import Effects, ToolContext, ToolInfo
from steps.effects.http_messages import FileNaming, HttpRequest, HttpResponse, KeptFile
from steps.effects.outgoing import OutgoingSignal, TokenRequest
from steps.effects.stored_file import StoredFile
from steps.effects.usable_agent import Agent
from steps.language.strict_json import as_kept
from steps.testing.marked_tools import call_marked, info_of
from steps.testing.not_provided import NotProvided, ToolUse
from steps.tools.asks import answers_to
from steps.tools.tools import Tools, is_tool

Q = TypeVar("Q")
A = TypeVar("A")
Answers: TypeAlias = Callable[[Q], A] | Sequence[A | StepBroke]
"""The answers to questions: a function of the question, or a list that is used up in order."""

ChildStand: TypeAlias = ChildEnd | ChildrenOpen | Callable[[ChildRun], ChildEnd | ChildrenOpen]
"""How a child run has ended, that it is open, or a function that returns this for each."""

_FIRST_VERSION = "1.0.0"
_CHOSEN = (None, "latest", "published", _FIRST_VERSION)


@dataclass(kw_only=True)
class FakeEffects(Effects):
    """Effects that hold what a test provides, and record what a step does with them.

    A kind of effect that was not provided at all raises `NotProvided`, and so does a question when
    the answers are used up. A missing name fails as it does on the server: an unknown secret is the
    `StepBroke` `UnknownSecret`. The provided values may be changed between two executions of a
    step. Records and results pass through JSON, as in a journal; secrets are not masked.

    Attributes:
        clock_ms: What `now_ms` returns, in Unix milliseconds; it does not advance.
        responses: The responses to HTTP requests.
        answers: The answers of models.
        model_takes: The kinds of content that every model accepts: some of `images`, `pdf` and
            `audio`.
        tool_results: By a tool's id its result, a `StepBroke`, a function of its arguments, or a
            function marked with `@tool`, which is called as on the server.
        files: The uploaded files.
        secrets: Secrets by name.
        tokens: OAuth tokens, in order; the first is returned until it is passed as refused.
        agents: Documents of agents by id; their version is 1.0.0.
        workflows: Workflows that agents may call as tools.
        child_runs: The state of a workflow's child runs, by the workflow's id.
        records: The records of the visit, by name.
        step: The step that uses these effects, as tools see it.
        requests: The HTTP requests that were sent.
        questions: The requests to models.
        tool_uses: The calls of tools.
        signals: The signals that were sent.
        saved: The files that were stored; `file` reads them too.
        started: The child runs that were started, by their number.
        threads: The exchanges of threads, by thread id.
        visits: The records of other runs' visits, by (run id, step id, visit).
        raised: The budgets that were raised: (run id, cost).
        limits: What the step may spend on models: (tokens, cost), the newest last. They are not
            enforced.
    """

    clock_ms: int = 1_767_225_600_000
    responses: Answers[HttpRequest, HttpResponse] | None = None
    answers: Answers[ChatRequest, ChatAnswer] | None = None
    model_takes: Collection[str] = ("images",)
    tool_results: Mapping[str, Any] | None = None
    files: Sequence[StoredFile] | None = None
    secrets: Mapping[str, str] | None = None
    tokens: Sequence[str] | None = None
    agents: Mapping[str, Any] | None = None
    visits: Mapping[tuple[str, str, int], Mapping[str, Json]] | None = None
    workflows: Sequence[ToolInfo] | None = None
    child_runs: Mapping[str, ChildStand] | None = None
    threads: dict[str, list[Exchange]] = field(default_factory=dict)
    records: dict[str, Any] = field(default_factory=dict)
    step: StepInput = field(
        default_factory=lambda: StepInput("run-1", "step", 1, 1, "run-1:step:1", {"data": {}})
    )
    requests: list[HttpRequest] = field(default_factory=list, init=False)
    questions: list[ChatRequest] = field(default_factory=list, init=False)
    tool_uses: list[ToolUse] = field(default_factory=list, init=False)
    signals: list[OutgoingSignal] = field(default_factory=list, init=False)
    saved: list[StoredFile] = field(default_factory=list, init=False)
    started: dict[int, ChildRun] = field(default_factory=dict, init=False)
    limits: list[tuple[int | None, float | None]] = field(default_factory=list, init=False)
    raised: list[tuple[str, float]] = field(default_factory=list, init=False)

    def now_ms(self) -> int:
        """Return `clock_ms`."""
        return self.clock_ms

    async def http(self, request: HttpRequest) -> HttpResponse:
        """Return the next response. Raises `StepBroke` if one is provided."""
        self.requests.append(request)
        wanted = f"sends {request.method} {request.url}"
        response, self.responses = _next(self.responses, request, wanted, "responses")
        return _given(response)

    async def download(
        self, request: HttpRequest, name: FileNaming, keeps: Callable[[int], bool]
    ) -> HttpResponse:
        """Return the next response; store its content if its status is good."""
        response = await self.http(request)
        if not keeps(response.status):
            return response
        file_id = await self._save(name(response), response.media_type, response.content)
        return replace(response, content=b"", file=KeptFile(file_id, len(response.content)))

    def within(self, seconds: float) -> AbstractAsyncContextManager[Any]:
        """Limit the time of a block; nothing here waits for shared resources."""
        return asyncio.timeout(seconds)

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        """Return the next answer. Raises `StepBroke` if one is provided."""
        self.questions.append(request)
        wanted = f"asks the model {request.model or 'that is the default'}"
        answer, self.answers = _next(self.answers, request, wanted, "answers")
        return _given(answer)

    async def limit(self, tokens: int | None, cost: float | None) -> None:
        """Record what the step may spend."""
        if (tokens, cost) not in self.limits[-1:]:
            self.limits.append((tokens, cost))

    async def raise_budget(self, run_id: str, cost: float) -> None:
        """Record the budget that was raised."""
        self.raised.append((run_id, cost))

    async def token(self, request: TokenRequest, refused: str | None = None) -> str:
        """Return the first provided token that was not refused."""
        if self.tokens is None:
            raise NotProvided(f"asks {request.url} for a token", "tokens")
        after = self.tokens.index(refused) + 1 if refused in self.tokens else 0
        if after >= len(self.tokens):
            raise StepBroke("TokenRefused", "there is no further token", retryable=False)
        return self.tokens[after]

    async def file(self, file_id: str) -> StoredFile:
        """Return a provided file. Raises `StepBroke` if there is none with this id."""
        if self.files is None and not self.saved:
            raise NotProvided(f"reads the file {file_id}", "files")
        there = [*(self.files or ()), *self.saved]
        for stored in there:
            if stored.file_id == file_id:
                return stored
        known = [stored.file_id for stored in there]
        raise _unknown("FileNotFound", "file", file_id, known)

    async def _save(self, name: str, media_type: str, content: bytes) -> str:
        known = [one for one in self.saved if (one.name, one.content) == (name, content)]
        if not known:
            file_id = f"saved-{len(self.saved) + 1}"
            known = [StoredFile(file_id, name, media_type, content)]
            self.saved += known
        return known[0].file_id

    async def save_file(self, name: str, media_type: str, content: bytes, call: str = "") -> str:
        """Store a file; `file` reads it too."""
        return await self._save(name, media_type, content)

    async def takes(self, model: str | None) -> Collection[str]:
        """Return `model_takes`."""
        return self.model_takes

    async def secret(self, name: str) -> str:
        """Return a provided secret. Raises `StepBroke` if there is none of this name."""
        if self.secrets is None:
            raise NotProvided(f"asks for the secret {name}", "secrets")
        if name not in self.secrets:
            raise _unknown("UnknownSecret", "secret", name, self.secrets)
        return self.secrets[name]

    async def tool(self, tool_id: str, arguments: JsonObject, call: str = "") -> Json:
        """Return the result of a provided tool. Raises `StepBroke`."""
        results = self._tool_results(f"calls the tool {tool_id}")
        context = self.tool_context(call)
        self.tool_uses.append(ToolUse(tool_id, arguments, call, context.idempotency_key))
        if tool_id not in results:
            raise _unknown("UnknownTool", "tool", tool_id, results)
        result: Any = results[tool_id]
        if is_tool(result):
            return await call_marked(result, arguments, context)
        if callable(result):
            result = result(arguments)
            if isawaitable(result):
                result = await result
        if isinstance(result, StepBroke):
            raise result
        return _as_json(f"tool {tool_id} gave what is", result, "InvalidToolResult")

    def is_pure(self, tool_id: str) -> bool:
        """Return whether a provided tool is marked as pure."""
        result: Any = self._tool_results(f"asks about the tool {tool_id}").get(tool_id)
        return is_tool(result) and Tools([result]).is_pure(info_of(result).id)

    async def tools(self) -> Sequence[ToolInfo]:
        """List the provided tools."""
        results = self._tool_results("lists the tools")
        return [
            info_of(result) if is_tool(result) else ToolInfo(tool_id, "", {"type": "object"})
            for tool_id, result in sorted(results.items(), key=lambda item: item[0])
        ]

    async def agent(self, agent_id: str, version: str | None) -> Agent:
        """Return a provided agent. Raises `StepBroke` if there is none with this id."""
        if self.agents is None:
            raise NotProvided(f"asks for the agent {agent_id}", "agents")
        if agent_id not in self.agents or version not in _CHOSEN:
            raise _unknown(
                "UnknownAgent", "agent", " ".join(filter(None, (agent_id, version))), self.agents
            )
        compile_agent(self.agents[agent_id])  # the server stores only valid agents
        return Agent(agent_id, _FIRST_VERSION, self.agents[agent_id])

    async def thread(self, thread_id: str, agent_id: str) -> int:
        """Return how many exchanges a thread has."""
        return len(self.threads.setdefault(thread_id, []))

    async def exchanges(self, thread_id: str, length: int) -> Sequence[Exchange]:
        """Return the exchanges of a thread."""
        return self.threads.get(thread_id, [])[:length]

    async def add_exchange(self, thread_id: str, exchange: Exchange) -> None:
        """Add an exchange to a thread, unless it exists."""
        said = self.threads.setdefault(thread_id, [])
        if len(said) < exchange.number:
            said.append(exchange)

    async def workflow_as_tool(self, workflow_id: str) -> ToolInfo:
        """Return a provided workflow. Raises `StepBroke` if there is none with this id."""
        if self.workflows is None:
            raise NotProvided(f"asks for the workflow {workflow_id} as a tool", "workflows")
        for info in self.workflows:
            if info.id == workflow_id:
                return info
        known = [info.id for info in self.workflows]
        raise _unknown("UnknownTool", "workflow", workflow_id, known)

    async def record(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:
        """Return the record of this name; if there is none, do the work and keep its result."""
        if name not in self.records:
            value = await work()
            self.records[name] = _as_json(f"record {name!r} is", value, "InvalidOutput")
        kept: Json = self.records[name]
        return kept

    def recalled(self, name: str) -> Json:
        """Return the record of this name, None if there is none."""
        return self.records.get(name)

    async def visit_records(self, run_id: str, step_id: str, visit: int) -> Mapping[str, Json]:
        """Return the records of a provided visit. Raises `StepBroke` if there is none."""
        if self.visits is None:
            raise NotProvided(f"reads visit {visit} of {step_id} of run {run_id}", "visits")
        if (run_id, step_id, visit) not in self.visits:
            message = f"run {run_id} has had no visit {visit} of step {step_id}"
            raise StepBroke("InvalidRequest", message, retryable=False)
        return self.visits[run_id, step_id, visit]

    async def send_signal(self, signal: OutgoingSignal) -> None:
        """Record a signal in `signals`, once."""
        if "sent" not in self.records:
            self.records["sent"] = {"name": signal.name, "key": signal.key}
            self.signals.append(signal)

    def callback_key(self, step_id: str) -> str:
        """Return the key of the first visit of the step."""
        return f"{self.step.run_id}:{step_id}:1"

    def callback_url(self) -> str:
        """Return an address that does not exist."""
        return f"https://stepwell.invalid/callback/{self.step.idempotency_key}"

    async def children(self, plan: ChildPlan) -> ChildrenEnded | ChildrenOpen:
        """Start the child runs of a plan that are due, and return the state of the plan."""
        ends: list[ChildEnd] = []
        still_open, done = dict[int, ChildrenOpen](), set[int]()
        for number in plan.in_order(done):
            if number not in self.started and len(still_open) >= plan.concurrency:
                break
            stand = await self._stand(number, plan, ends)
            if isinstance(stand, ChildrenOpen):
                still_open[number] = stand
                continue
            stand = replace(stand, number=number)
            ends.append(stand)
            done |= {number} if stand.error is None else set()
            if stand.error and plan.ends_at_failure:
                return ChildrenEnded([stand])
        ends.sort(key=lambda end: end.number)
        if plan.enough is not None and (ended := _of_enough(plan, ends, still_open)):
            return ended
        if not still_open:
            return ChildrenEnded(ends)
        wait_for_people = all(stand.pause for stand in still_open.values())
        pause = next(iter(still_open.values())).pause if wait_for_people else None
        return ChildrenOpen(plan.first + plan.total, pause)

    async def start_detached(self, child: ChildRun, number: int, like: str | None = None) -> str:
        """Record a run in `started`, once."""
        if self.child_runs is None:
            raise NotProvided(f"starts a run of the workflow {child.workflow_id}", "child_runs")
        if child.workflow_id not in self.child_runs:
            raise _unknown("UnknownWorkflow", "workflow", child.workflow_id, self.child_runs)
        self.started.setdefault(number, child)
        return f"child-{number}"

    def tool_context(self, call: str = "") -> ToolContext:
        """Return the context of a tool that this step calls.

        Args:
            call: Identifies the call within the step.

        Returns:
            The step, its key, the function that reads files, and the answers of people.
        """
        step, said = self.step, answers_to(self.recalled, f"{call}/" if call else "")
        key = f"{step.idempotency_key}:{call}" if call else step.idempotency_key
        return ToolContext(
            step.run_id, step.step_id, step.attempt, key, self.file, save=self._save, answers=said
        )

    async def _stand(
        self, number: int, plan: ChildPlan, ends: Sequence[ChildEnd]
    ) -> ChildEnd | ChildrenOpen:
        """Return the state of a child run, and start it if necessary."""
        child = self.started.get(number)
        if child is None:
            needed = plan.needs.get(number, frozenset())
            kept = {end.number: end.result for end in ends if end.number in needed}
            child = await plan.child_run(number, dict(sorted(kept.items())))
        if self.child_runs is None:
            raise NotProvided(f"starts a run of the workflow {child.workflow_id}", "child_runs")
        if child.workflow_id not in self.child_runs:
            raise _unknown("UnknownWorkflow", "workflow", child.workflow_id, self.child_runs)
        self.started[number] = child
        if child.refused:
            return ChildEnd(f"child-{number}", child.data, None, child.refused)
        stand = self.child_runs[child.workflow_id]
        return stand(child) if callable(stand) else stand

    def _tool_results(self, wanted: str) -> Mapping[str, Any]:
        if self.tool_results is None:
            raise NotProvided(wanted, "tool_results")
        return self.tool_results


def _of_enough(plan: ChildPlan, ends: list[ChildEnd], going: Iterable[int]) -> ChildrenEnded | None:
    """Return the end of a plan if enough have completed or too many have failed; else None."""
    failed = [end for end in ends if end.error]
    if plan.has_enough([end.number for end in ends if not end.error]):
        left = {number: f"child-{number}" for number in going} if plan.others_go_on else {}
        return ChildrenEnded(ends, left)
    lost = plan.is_out_of_reach([end.number for end in failed])
    return ChildrenEnded(failed) if lost else None


def _next(
    answers: "Answers[Q, A] | None", question: Q, wanted: str, name: str
) -> "tuple[A | StepBroke, Answers[Q, A]]":
    """Return the answer to a question, and the remaining answers."""
    if callable(answers):
        return answers(question), answers
    if not answers:
        raise NotProvided(wanted, name)
    return answers[0], answers[1:]


def _given(answer: "A | StepBroke") -> A:
    if isinstance(answer, StepBroke):
        raise answer
    return answer


def _as_json(what: str, value: object, kind: str) -> Json:
    kept: Json = as_kept(what, value, kind)[0]
    return kept


def _unknown(kind: str, what: str, name: str, known: Iterable[str]) -> StepBroke:
    provided = ", ".join(sorted(known)) or "none"
    message = f"there is no {what} {name}; the test provides {provided}"
    return StepBroke(kind, message, retryable=False)
