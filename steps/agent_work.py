"""An agent at work: turns of a model and its tool calls, each kept as a record.

The conversation is built from the records each time the step is executed, so that executing
it again after a crash, a pause or a failed attempt does nothing twice.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial

from engine import Json, JsonObject
from steps.agent import AgentDefinition, Summarize
from steps.agent_calls import AgentCalls, Delivered, Told
from steps.agent_context import SUMMARY_INSTRUCTIONS, Conversation, as_text
from steps.agent_limits import AgentLimits
from steps.agent_questions import Questions
from steps.agent_recorded import RecordedCalls
from steps.agent_tools import DELIVER, Offer
from steps.asked import newly_asked
from steps.chat import (
    ChatAnswer,
    ChatRequest,
    Message,
    TextPart,
    ToolSpec,
    answer_from_json,
)
from steps.contract import Done, Outcome, StepBroke, StepInput
from steps.effects import Effects
from steps.model_output import excerpt, read_answer, schema_of, usable

_TEXTS_IN_A_ROW = 2
"""How often an agent that answers in text is asked to deliver before that is given up."""

_ANY_TOOL = "required"


class AgentWork:
    """One agent's work on one visit of a step."""

    def __init__(  # noqa: PLR0913 - what an agent works with, each passed in
        self,
        agent_id: str,
        agent: AgentDefinition,
        fields: Mapping[str, JsonObject],
        offers: Sequence[Offer],
        step: StepInput,
        effects: Effects,
        headers: Mapping[str, str],
        recorded: RecordedCalls | None = None,
    ) -> None:
        """Begin; with `recorded`, calls are answered by those of another visit."""
        self._id = agent_id
        self._settings = agent.settings
        self._name = agent.name
        self._fields = fields
        self._effects = effects
        self._headers = headers
        self._said: Conversation
        self._reached: StepBroke | None = None
        self._limits = AgentLimits(agent.settings.limits, agent.name, step, effects)
        self._questions = Questions(agent.name, step, effects)
        self._calls = AgentCalls(
            agent.settings.limits, self._limits, fields, offers, self._questions, step, effects,
            recorded,
        )  # fmt: skip
        self._offers = offers
        self._conversation = step.idempotency_key
        self._specs = [offer.spec for offer in offers]
        if fields:
            told = "Deliver the result and end the work."
            self._specs.append(ToolSpec(DELIVER, told, schema_of(fields)))

    async def until_delivered(
        self, instructions: str, earlier: Sequence[Message], user: Message
    ) -> Outcome:
        """Take turns until the agent delivers, or waits for a person or a child run.

        `earlier` is what was said before in the conversation that this goes on.

        Raises `StepBroke` at a limit, a refusal, a cut-off answer, or a model's failure.
        """
        system = Message("system", (TextPart(self._told(instructions)),))
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
            made = await self._calls.made(turn, answer.tool_calls)
            if isinstance(made, Delivered):
                return self._done(turn, made.output, "")
            if not isinstance(made, Told):
                return made
            for call, result in zip(answer.tool_calls, made.results, strict=True):
                self._said.add(Message("tool", result, tool_call_id=call.id))

    def _told(self, instructions: str) -> str:
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
            self._said.add(Message("user", (TextPart(self._told_to_end()),)))
        told = await self._said.told(partial(self._summary, turn))
        request = self._request(turn, told, texts, is_last=is_last in (turn, turn - 1))
        asked = newly_asked(self._said.newly_said(turn))
        answer, is_new = await self._answer(f"turn-{turn}", request, {"asked": asked})
        self._limits.turns += is_new
        return usable(answer)

    async def _answer(
        self, name: str, request: ChatRequest, beside: JsonObject
    ) -> tuple[ChatAnswer, bool]:
        """Return an answer and whether it counts; what is kept `beside` it is for people."""

        async def work() -> Json:
            try:
                async with self._effects.within(self._limits.left_s()):
                    answer = await self._effects.chat(request)
            except TimeoutError as late:
                raise self._limits.out_of_time() from late
            return {**answer.to_json(), **beside}

        answer = answer_from_json(await self._effects.record(name, work))
        is_new = not self._questions.is_kept(name)
        if is_new:
            self._limits.used += answer.usage
            self._limits.spent_ms += answer.latency_ms
        return answer, is_new

    async def _summary(self, turn: int, messages: Sequence[Message]) -> str:
        """Ask for what a conversation comes to. Raises `StepBroke` where none comes."""
        context = self._settings.context
        how = context.summarize if context and isinstance(context.summarize, Summarize) else None
        told = (how.instructions if how else None) or SUMMARY_INSTRUCTIONS
        request = ChatRequest(
            model=(how.model if how else None) or self._settings.model,
            messages=(
                Message("system", (TextPart(told),)),
                Message("user", (TextPart(as_text(messages)),)),
            ),
            max_tokens=self._settings.maxTokens,
            agent=self._id,
            headers=self._headers,
        )
        answer, _ = await self._answer(f"turn-{turn}/summary", request, {})
        # One that was cut off says much of it all the same.
        return (answer if answer.finish == "length" and answer.text else usable(answer)).text

    def _choice(self, turn: int) -> str | None:
        """Return what the agent's document has to be called in a turn."""
        wanted = self._settings.toolChoice
        if wanted == _ANY_TOOL:
            return wanted if self._fields else None
        named = (offer.name for offer in self._offers if wanted in (offer.id, offer.name))
        return next(named, None) if turn == 1 else None

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
            agent=self._id,
            tool_choice=must_call,
            reasoning=self._settings.reasoning,
            fallback=tuple(self._settings.fallback),
            caches=self._settings.cache,
            conversation=self._conversation,
            headers=self._headers,
        )

    def _told_to_end(self) -> str:
        told = "A limit has been reached, and a person has decided to end the work now. "
        if self._fields:
            return f"{told}Call the tool `{DELIVER}` with what you have."
        return f"{told}Answer with what you have, without calling a tool."

    def _delivered_as_text(self, turn: int, text: str) -> Done | None:
        """Return the delivery that a text is, None for one that is none."""
        if not self._fields:
            return self._done(turn, {"text": text}, text)
        found, problems = read_answer(text, self._fields)
        return None if problems else self._done(turn, found, text)

    def _insist(self, text: str, texts: int) -> None:
        """Ask for the delivery. Raises `StepBroke` once that has not helped."""
        if texts > _TEXTS_IN_A_ROW:
            message = (
                f"agent {self._name} has answered with text {texts} times instead of calling "
                f"`{DELIVER}`; at last it said: {excerpt(text)}"
            )
            raise StepBroke("InvalidOutput", message, retryable=False)
        schema = json.dumps(schema_of(self._fields), ensure_ascii=False)
        asked = f"That is text. Call the tool `{DELIVER}` with the result, which fits {schema}"
        if texts < _TEXTS_IN_A_ROW:
            asked += ", or go on working with the other tools"
        self._said.add(Message("user", (TextPart(f"{asked}."),)))

    def _done(self, turns: int, output: JsonObject, text: str) -> Done:
        response: JsonObject = {
            "text": text,
            "turns": turns,
            "usage": self._limits.used.to_json(),
            "calls": self._calls.log,
        }
        return Done(output, {"response": response})
