"""Visits of a call-agent step in memory: scripted model answers, tools that are plain functions."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from engine import AwaitsChildren, JsonObject, OnInterrupted, Pauses
from steps.call_agent import CallAgent, CallAgentSettings
from steps.contract.step_type import Done, GoesOn, Outcome, StepInput
from steps.effects.chat import ChatAnswer, ChatRequest, TextPart, ToolCall
from steps.testing import FakeEffects, chat_answer

Script = Callable[[ChatRequest], ChatAnswer]
OUTPUT: JsonObject = {"answer": {"type": "integer"}}
SETTINGS = CallAgentSettings.model_validate({"agentId": "a", "message": "Work."})


def calls(*wanted: tuple[str, Any], tokens: tuple[int, int] = (10, 5), text: str = "") -> ChatAnswer:  # fmt: skip
    made = [ToolCall(f"c{n}", name, arguments) for n, (name, arguments) in enumerate(wanted)]
    return chat_answer(text, tool_calls=made, tokens=tokens)


def delivers(answer: Any = 1) -> ChatAnswer:
    return calls(("deliver", {"answer": answer}))


def script(*answers: ChatAnswer) -> Script:
    """Return answers by the number of turns the conversation has had."""

    def answer(request: ChatRequest) -> ChatAnswer:
        had = sum(message.role == "assistant" for message in request.messages)
        return answers[min(had, len(answers) - 1)]

    return answer


class Visit:
    """One visit, which a test may execute repeatedly."""

    def __init__(
        self,
        *answers: ChatAnswer,
        tools: dict[str, Any] | None = None,
        on_interrupted: OnInterrupted = OnInterrupted.RETRY,
        agent: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        document = {
            "name": "A", "instructions": "Do.", "output": OUTPUT, "tools": sorted(tools or {}),
            **(agent or {}),
        }  # fmt: skip
        self.effects = FakeEffects(
            answers=script(*answers), tool_results=tools or {}, agents={"a": document}, **more
        )
        self.step = StepInput(
            "run-1", "work", 1, 1, "run-1:work:1", {"data": {}}, {}, on_interrupted
        )
        self.effects.step = self.step

    async def execute(self) -> Outcome:
        return await CallAgent().execute(SETTINGS, self.step, self.effects)

    async def done(self) -> Done:
        outcome = await self.execute()
        assert isinstance(outcome, Done), outcome
        return outcome

    async def asked(self) -> JsonObject:
        """Return the body of the pause."""
        outcome = await self.execute()
        assert isinstance(outcome, Pauses), outcome
        return outcome.pause.body

    async def awaits(self) -> AwaitsChildren:
        outcome = await self.execute()
        assert isinstance(outcome, AwaitsChildren), outcome
        return outcome

    def answer(self, pause: JsonObject, value: str | None = "approved", by: str = "ada", **more: Any) -> None:  # fmt: skip
        """Answer a pause as a person. Raises `InvalidAnswer`."""
        said: JsonObject = {
            "type": "request_user_action", "actionId": pause["actionId"],
            "answeredBy": by, "answeredAt": "2026-01-01T00:00:00.000Z", **more,
        }  # fmt: skip
        if value is not None:
            said["actionValue"] = value
        self.take(CallAgent().accept(SETTINGS, self.step, pause, said))

    def take(self, goes_on: Any) -> None:
        assert isinstance(goes_on, GoesOn)
        assert goes_on.name not in self.effects.records
        self.effects.records[goes_on.name] = goes_on.value

    def reported(self, request: int = -1) -> list[str]:
        """Return the tool results that the model received with a question."""
        return [
            "\n".join(part.text for part in message.parts if isinstance(part, TextPart))
            for message in self.effects.questions[request].messages
            if message.role == "tool"
        ]


def meeting(size: int) -> Callable[[Any], Any]:
    """Return a tool that returns once `size` calls of it are in progress at once."""
    here = asyncio.Barrier(size)

    async def meet(arguments: Any) -> Any:
        await here.wait()
        return {"met": size, **arguments}

    return meet


def log_of(done: Done) -> Sequence[Any]:
    response: Any = done.got["response"]
    found: Sequence[Any] = response["calls"]
    return found
