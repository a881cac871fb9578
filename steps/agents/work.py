"""Runs an agent: model turns and tool calls, each kept as a record.

The conversation is rebuilt from the records each time the step is executed. Executing it again
after a crash, a pause or a failed attempt therefore repeats nothing.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from engine import Json, JsonObject
from engine.value import value
from steps.agents.agent import AgentDocument, Summarize
from steps.agents.calls import AgentCalls, CallResults, Delivered
from steps.agents.context import SUMMARY_INSTRUCTIONS, Conversation, as_text
from steps.agents.handoff import Worker, worker_of
from steps.agents.limits import AgentLimits
from steps.agents.questions import Questions
from steps.agents.recorded import RecordedCalls
from steps.agents.tools import DELIVER
from steps.contract.step_type import Done, Outcome, StepBroke, StepInput
from steps.effects.chat import (
    ChatAnswer,
    ChatRequest,
    Message,
    TextPart,
    ToolSpec,
    Usage,
    answer_from_json,
)
from steps.effects.effects import Effects
from steps.models.answer_files import kept_answer
from steps.models.asked import newly_asked
from steps.models.output import excerpt, read_answer, schema_of, usable
from steps.models.spending import LimitReached

_TEXTS_IN_A_ROW = 2
"""How often an agent that answers in text is asked to deliver before the step fails."""

_ANY_TOOL = "required"


@value(frozen=True, slots=True)
class Instructed:
    """An agent with the settings for one visit.

    Attributes:
        settings: Its document, with the step's settings in place of its own.
        instructions: The first message to the model.
        headers: Additional headers of its requests.
    """

    settings: AgentDocument
    instructions: str
    headers: Mapping[str, str]


class AgentWork:
    """One agent's work on one visit of a step."""

    def __init__(  # noqa: PLR0913 - what an agent works with, each passed in
        self,
        first: Worker,
        fields: Mapping[str, JsonObject],
        instructed: Callable[[Worker], Awaitable[Instructed]],
        step: StepInput,
        effects: Effects,
        recorded: RecordedCalls | None = None,
    ) -> None:
        """Begin with the first agent; with `recorded`, another visit's calls give the outcomes.

        The required output and the limits are those of the first agent, even after a hand-over.
        """
        limits = first.agent.settings.limits
        self._worker = first
        self._instructed = instructed
        self._fields = fields
        self._effects = effects
        self._said: Conversation
        self._asked: Instructed
        self._first_turn = 1
        self._reached: StepBroke | None = None
        self._limits = AgentLimits(limits, first.agent.name, step, effects)
        self._questions = Questions(first.agent.name, step, effects)
        self._calls = AgentCalls(
            self._limits, fields, first.offers, self._questions, step, effects, recorded
        )
        self._conversation = step.idempotency_key
        self._specs: list[ToolSpec] = []
        self._files: list[Json] = []

    def begin_after(self, children: int, used: Usage) -> None:
        """Begin after so many child runs of the visit, which used that much of the limits."""
        self._calls.children = children
        self._limits.used += used

    @property
    def children(self) -> int:
        """How many child runs the visit has requested so far."""
        return self._calls.children

    async def until_delivered(self, earlier: Sequence[Message], user: Message) -> Outcome:
        """Take turns until the agent delivers, or waits for a person or a child run.

        `earlier` holds the earlier messages of the conversation that this continues.

        Raises `StepBroke` at a limit, on a refusal or a cut-off answer, or when a model fails.
        """
        system = await self._begin(self._worker)
        self._said = Conversation(self._settings.context, (system, earlier, user), self._specs)
        await self._limits.announce()
        turn, texts = 0, 0
        while True:
            turn += 1
            try:
                answer = await self._ask(turn, texts)
            except StepBroke as broke:
                if not self._limits.is_own(broke) and broke is not self._reached:
                    raise
                return self._limits.outcome(broke, turn)
            self._said.answered(answer)
            if not answer.tool_calls:
                if outcome := self._delivered_as_text(turn, answer.text):
                    return outcome
                texts += 1
                self._insist(answer.text, texts)
                continue
            texts = 0
            try:
                made = await self._calls.made(turn, answer.tool_calls)
            except LimitReached as reached:
                if not reached.is_own:
                    raise
                return self._limits.outcome(reached, turn)
            if isinstance(made, Delivered):
                return self._done(turn, made.output, "")
            if not isinstance(made, CallResults):
                return made
            for call, result in zip(answer.tool_calls, made.results, strict=True):
                self._said.add(Message("tool", result, tool_call_id=call.id))
            if made.handoff is not None:
                await self._hand_over(turn, made.handoff)

    @property
    def _settings(self) -> AgentDocument:
        """The settings of the agent at work."""
        return self._asked.settings

    async def _begin(self, worker: Worker) -> Message:
        """Let an agent work from now on; return its instructions."""
        self._worker = worker
        self._asked = await self._instructed(worker)
        self._specs = [offer.spec for offer in worker.offers]
        if self._fields:
            message = "Deliver the result and end the work."
            self._specs.append(ToolSpec(DELIVER, message, schema_of(self._fields)))
        return Message("system", (TextPart(self._with_delivery(self._asked.instructions)),))

    async def _hand_over(self, turn: int, kept: Json) -> None:
        """Let the agent continue to which the work was handed over in a turn."""
        worker = worker_of(kept)
        system = await self._begin(worker)
        self._first_turn = turn + 1
        self._questions.agent = worker.agent.name
        self._calls.offer(worker.offers)
        self._said.hand_over(self._settings.context, system, self._specs)

    def _with_delivery(self, instructions: str) -> str:
        """Return the instructions, with how to deliver if fields are declared."""
        if not self._fields:
            return instructions
        return (
            f"{instructions}\n\nWhen you have the result, call the tool `{DELIVER}` with it, once. "
            "Do not answer with text instead."
        )

    async def _ask(self, turn: int, texts: int) -> ChatAnswer:
        """Return the answer of a turn. Raises `StepBroke`, also at a limit."""
        self._reached = self._limits.reached(turn)
        if self._reached:
            raise self._reached
        is_last = self._limits.deliver_turn
        if turn == is_last:
            self._said.add(Message("user", (TextPart(self._ending_request()),)))
        messages = await self._said.messages(partial(self._summary, turn))
        request = self._request(turn, messages, texts, is_last=is_last in (turn, turn - 1))
        asked = newly_asked(self._said.newly_said(turn))
        beside: JsonObject = {"asked": asked}
        if self._first_turn > 1:
            beside["agent"] = self._worker.id
        answer, is_new = await self._answer(f"turn-{turn}", request, beside)
        self._limits.turns += is_new
        return usable(answer)

    async def _answer(
        self, name: str, request: ChatRequest, beside: JsonObject
    ) -> tuple[ChatAnswer, bool]:
        """Return an answer and whether it counts; `beside` is stored with it, for people."""

        async def work() -> Json:
            try:
                async with self._effects.within(self._limits.left_s()):
                    asked = await self._effects.chat(request)
                    answer = await kept_answer(asked, name, self._effects)
            except TimeoutError as late:
                raise self._limits.out_of_time() from late
            return {**answer.to_json(), **beside}

        answer = answer_from_json(await self._effects.record(name, work))
        self._files += answer.files
        is_new = not self._questions.is_kept(name)
        if is_new:
            self._limits.used += answer.usage
            self._limits.spent_ms += answer.latency_ms
        return answer, is_new

    async def _summary(self, turn: int, messages: Sequence[Message]) -> str:
        """Ask for a summary of a conversation. Raises `StepBroke` if there is none."""
        context = self._settings.context
        how = context.summarize if context and isinstance(context.summarize, Summarize) else None
        instructions = (how.instructions if how else None) or SUMMARY_INSTRUCTIONS
        request = ChatRequest(
            model=(how.model if how else None) or self._settings.model,
            messages=(
                Message("system", (TextPart(instructions),)),
                Message("user", (TextPart(as_text(messages)),)),
            ),
            max_tokens=self._settings.maxTokens,
            agent=self._worker.id,
            headers=self._asked.headers,
        )
        answer, _ = await self._answer(f"turn-{turn}/summary", request, {})
        # A summary that was cut off is still useful.
        return (answer if answer.finish == "length" and answer.text else usable(answer)).text

    def _choice(self, turn: int) -> str | None:
        """Return the tool choice that the agent's document sets for a turn."""
        wanted = self._settings.toolChoice
        if wanted == _ANY_TOOL:
            return wanted if self._fields else None
        offers = self._worker.offers
        named = (offer.name for offer in offers if wanted in (offer.id, offer.name))
        return next(named, None) if turn == self._first_turn else None

    def _request(
        self, turn: int, messages: tuple[Message, ...], texts: int, *, is_last: bool
    ) -> ChatRequest:
        must_call = self._choice(turn)
        if self._fields and (texts or is_last):
            must_call = DELIVER if is_last or texts == _TEXTS_IN_A_ROW else _ANY_TOOL
        return ChatRequest(
            model=self._settings.model,
            messages=messages,
            temperature=self._settings.temperature,
            max_tokens=self._settings.maxTokens,
            tools=tuple(self._specs),
            agent=self._worker.id,
            tool_choice=must_call,
            reasoning=self._settings.reasoning,
            fallback=tuple(self._settings.fallback),
            caches=self._settings.cache,
            conversation=self._conversation,
            headers=self._asked.headers,
        )

    def _ending_request(self) -> str:
        message = "A limit has been reached, and a person has decided to end the work now. "
        if self._fields:
            return f"{message}Call the tool `{DELIVER}` with what you have."
        return f"{message}Answer with what you have, without calling a tool."

    def _delivered_as_text(self, turn: int, text: str) -> Done | None:
        """Return the delivery that a text contains, None if it contains none."""
        if not self._fields:
            return self._done(turn, {"text": text}, text)
        found, problems = read_answer(text, self._fields)
        return None if problems else self._done(turn, found, text)

    def _insist(self, text: str, texts: int) -> None:
        """Ask for the delivery. Raises `StepBroke` after too many answers in text."""
        if texts > _TEXTS_IN_A_ROW:
            message = (
                f"agent {self._worker.agent.name} has answered with text {texts} times instead of "
                f"calling `{DELIVER}`; at last it said: {excerpt(text)}"
            )
            raise StepBroke("InvalidOutput", message, retryable=False)
        schema = json.dumps(schema_of(self._fields), ensure_ascii=False)
        asked = f"That is text. Call the tool `{DELIVER}` with the result, which fits {schema}"
        if texts < _TEXTS_IN_A_ROW:
            asked += ", or continue with the other tools"
        self._said.add(Message("user", (TextPart(f"{asked}."),)))

    def _done(self, turns: int, output: JsonObject, text: str) -> Done:
        response: JsonObject = {
            "text": text,
            "turns": turns,
            "usage": self._limits.used.to_json(),
            "calls": self._calls.log,
        }
        if self._files:
            response["files"] = self._files
        return Done(output, {"response": response})
