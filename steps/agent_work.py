"""An agent at work: turns of a model and its tool calls, each kept as a record.

The conversation is built from the records each time the step is executed, so that executing
it again after a crash, a pause or a failed attempt does nothing twice.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence

from engine import AwaitsChildren, Json, JsonObject, Pause, Pauses
from steps.agent import AgentDefinition
from steps.agent_tools import DELIVER, Offer
from steps.chat import (
    ChatAnswer,
    ChatRequest,
    Message,
    Part,
    TextPart,
    ToolCall,
    ToolSpec,
    Usage,
    answer_from_json,
)
from steps.contract import Done, Outcome, StepBroke, StepInput, listed
from steps.effects import ChildPlan, ChildrenOpen, ChildRun, Effects
from steps.model_output import fitted, read_answer, schema_of, usable
from steps.outputs import NO_RESULT
from steps.tool_arguments import argument_problems
from steps.tool_result import shown

_LONGEST_CALL_S = 300.0
_NAMESPACE = "functions."  # some models name a tool by what they were trained on


class AgentWork:
    """One agent's work on one visit of a step."""

    def __init__(
        self,
        agent: AgentDefinition,
        fields: Mapping[str, JsonObject],
        offers: Sequence[Offer],
        step: StepInput,
        effects: Effects,
    ) -> None:
        self._settings = agent.settings
        self._name = agent.name
        self._fields = fields
        self._offers = {offer.name: offer for offer in offers}
        self._by_id = {offer.id: offer for offer in offers}
        self._step = step
        self._effects = effects
        self._messages: list[Message] = []
        self._calls: list[Json] = []
        self._children = 0
        self._used = Usage()
        self._spent_ms = 0

    async def until_delivered(self, instructions: str, user: Message) -> Outcome:
        """Take turns until the agent delivers, or waits for a person or a child run.

        Raises `StepBroke` at a limit, a refusal, a cut-off answer, or a model's failure.
        """
        self._messages = [Message("system", (TextPart(self._told(instructions)),)), user]
        for turn in range(1, self._settings.limits.maxTurns + 1):
            self._check_limits()
            answer = await self._ask(turn)
            self._messages.append(answer.as_message())
            if not answer.tool_calls:
                if outcome := self._delivered_as_text(turn, answer.text):
                    return outcome
                continue
            for number, call in enumerate(answer.tool_calls, 1):
                result = await self._answer_call(turn, number, call)
                if not isinstance(result, tuple):
                    return result
                self._messages.append(Message("tool", result, tool_call_id=call.id))
        message = (
            f"agent {self._name} has not delivered within {self._settings.limits.maxTurns} turns"
        )
        raise StepBroke("TooManyTurns", message, retryable=False)

    def _told(self, instructions: str) -> str:
        if not self._fields:
            return instructions
        return (
            f"{instructions}\n\nWhen you have the result, call the tool `{DELIVER}` with it, once. "
            "Do not answer with text instead."
        )

    async def _ask(self, turn: int) -> ChatAnswer:
        settings = self._settings
        specs = [offer.spec for offer in self._offers.values()]
        if self._fields:
            schema = schema_of(self._fields)
            specs.append(ToolSpec(DELIVER, "Deliver the result and end the work.", schema))
        request = ChatRequest(
            model=settings.model,
            messages=tuple(self._messages),
            temperature=settings.temperature,
            max_tokens=settings.maxTokens,
            tools=tuple(specs),
        )

        async def work() -> Json:
            try:
                async with asyncio.timeout(self._left_s()):
                    return (await self._effects.chat(request)).to_json()
            except TimeoutError as late:
                raise self._out_of_time() from late

        answer = answer_from_json(await self._effects.record(f"turn-{turn}", work))
        self._used += answer.usage
        self._spent_ms += answer.latency_ms
        return usable(answer)

    def _delivered_as_text(self, turn: int, text: str) -> Done | None:
        """Take a last text for the delivery where it is one; else ask for the delivery."""
        if not self._fields:
            return self._done(turn, {"text": text}, text)
        found, problems = read_answer(text, self._fields)
        if not problems:
            return self._done(turn, found, text)
        asked = f"Call the tool `{DELIVER}` with the result, or go on working with the other tools."
        self._messages.append(Message("user", (TextPart(asked),)))
        return None

    async def _answer_call(
        self, turn: int, number: int, call: ToolCall
    ) -> tuple[Part, ...] | Outcome:
        """Return what the model is told of one call, or why the step has to wait or is done."""
        if call.arguments is None:
            return _told_error(
                "InvalidArguments", "the arguments are no JSON object; send them again"
            )
        wanted = call.name.removeprefix(_NAMESPACE)
        if wanted == DELIVER and self._fields:
            found, problems = fitted(call.arguments, self._fields)
            if problems:
                return _told_error("InvalidOutput", listed(problems))
            return self._done(turn, found, "")
        offer = self._offers.get(wanted) or self._by_id.get(wanted)
        if offer is None:
            return _told_error("UnknownTool", f"there is no tool {call.name}")
        name = f"turn-{turn}/call-{number}"
        arguments, edited = call.arguments, False
        if offer.approval:
            decision = self._effects.recalled(f"{name}/approval")
            if not isinstance(decision, dict):
                # A call that cannot be made is nothing to ask a person about.
                if problems := argument_problems(offer.schema, arguments, "arguments"):
                    return _told_error("InvalidToolInput", listed(problems))
                return self._approval(name, offer, arguments)
            if not decision["approved"]:
                self._calls.append({"tool": offer.id, "ok": False})
                told = f": {decision['comment']}" if decision.get("comment") else ""
                return _told_error("Rejected", f"a person rejected this call{told}")
            changed = decision.get("arguments")
            if isinstance(changed, dict) and changed != arguments:
                arguments, edited = changed, True
        if offer.kind == "workflow":
            result = await self._call_workflow(name, offer, arguments)
        else:
            result = await self._call_tool(name, offer, arguments)
        if isinstance(result, AwaitsChildren):
            return result
        parts = self._told_result(offer, result, arguments if edited else None)
        return (TextPart(_told_edit(arguments)), *parts) if edited else parts

    def _approval(self, name: str, offer: Offer, arguments: JsonObject) -> Pauses:
        body: JsonObject = {
            "stepId": self._step.step_id,
            "actionId": f"{self._step.step_id}/{name}",
            "message": f"{self._name} wants to call {offer.id}",
            "actions": [
                {"value": "approved", "label": "Approve"},
                {"value": "rejected", "label": "Reject"},
            ],
            "call": name,
            "tool": offer.id,
            "arguments": arguments,
            "inputSchema": offer.schema,
        }
        return Pauses(Pause("request_user_action", body))

    async def _call_tool(self, name: str, offer: Offer, arguments: JsonObject) -> Json:
        async def work() -> Json:
            self._check_limits()
            began_ms = self._effects.now_ms()
            try:
                async with asyncio.timeout(min(_LONGEST_CALL_S, self._left_s())):
                    value = await self._effects.tool(offer.id, arguments, name)
                kept: JsonObject = {"ok": True, "result": value}
            except StepBroke as broke:
                kept = {"ok": False, "error": _error(broke.error.type, broke.error.message)}
            except TimeoutError:
                kept = {"ok": False, "error": _error("Timeout", "the call took too long")}
            return {"tool": offer.id, "durationMs": self._effects.now_ms() - began_ms, **kept}

        return await self._effects.record(name, work)

    async def _call_workflow(
        self, name: str, offer: Offer, arguments: JsonObject
    ) -> "Json | AwaitsChildren":
        first, self._children = self._children, self._children + 1
        kept = self._effects.recalled(name)
        if kept is not None:
            return kept
        plan = ChildPlan(first, 1, lambda _: ChildRun(offer.id, None, arguments), keep_going=True)
        stand = await self._effects.children(plan)
        if isinstance(stand, ChildrenOpen):
            return AwaitsChildren(stand.total, stand.pause)
        end = stand.ends[0]
        value: JsonObject = {"tool": offer.id, "runId": end.run_id, "durationMs": 0}
        if end.error:
            value |= {"ok": False, "error": _error(end.error.type, end.error.message)}
        else:
            value |= {"ok": True, "result": _of_workflow({"data": end.data, "result": end.result})}

        async def work() -> Json:
            return value

        return await self._effects.record(name, work)

    def _told_result(
        self, offer: Offer, kept: Json, edited: "JsonObject | None"
    ) -> tuple[Part, ...]:
        assert isinstance(kept, dict)  # noqa: S101 - written by `_call_tool`, `_call_workflow`
        self._spent_ms += int(kept["durationMs"])  # type: ignore[arg-type]
        call: JsonObject = {"tool": offer.id, "ok": kept["ok"]}
        self._calls.append(call if edited is None else {**call, "editedArguments": edited})
        told = kept["result"] if kept["ok"] else {"error": kept["error"]}
        if kept["ok"] and offer.kind == "workflow":
            told = _of_workflow(told)
        return shown(told, self._settings.limits.maxResult)

    def _check_limits(self) -> None:
        limits = self._settings.limits
        if self._used.total >= limits.maxTokens:
            message = f"agent {self._name} has used up its limit of {limits.maxTokens} tokens"
            raise StepBroke("TokenLimit", message, retryable=False)
        if self._left_s() <= 0:
            raise self._out_of_time()

    def _out_of_time(self) -> StepBroke:
        limit_s = self._settings.limits.time / 1000
        message = f"agent {self._name} has used up its limit of {limit_s:g} s"
        return StepBroke("TimeLimit", message, retryable=False)

    def _left_s(self) -> float:
        return (self._settings.limits.time - self._spent_ms) / 1000

    def _done(self, turns: int, output: JsonObject, text: str) -> Done:
        response: JsonObject = {
            "text": text, "turns": turns, "usage": self._used.to_json(), "calls": self._calls
        }  # fmt: skip
        return Done(output, {"response": response})


def _of_workflow(end: Json) -> Json:
    """Return what a workflow that was called gives: its result, and its data without one."""
    if not isinstance(end, dict) or "data" not in end:
        return end
    result = end.get("result")
    has_its_own = result not in (None, NO_RESULT)
    return {"result": result} if has_its_own else {"result": result, "data": end["data"]}


def _told_edit(arguments: JsonObject) -> str:
    told = json.dumps(arguments, ensure_ascii=False)
    return f"(A person changed the arguments of this call before it was made. They were: {told})"


def _error(kind: str, message: str) -> JsonObject:
    return {"type": kind, "message": message[:2_000]}


def _told_error(kind: str, message: str) -> tuple[Part, ...]:
    return (TextPart(json.dumps({"error": _error(kind, message)}, ensure_ascii=False)),)
