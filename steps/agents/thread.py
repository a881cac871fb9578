"""Conversations that continue from step to step and from run to run.

The visit records how long the thread was when it began, not what was said in it. Exchanges never
change, so the journal's cost per answer does not grow with the conversation.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Self

from engine import Json
from steps.contract.step_type import Done, Outcome, StepBroke, StepInput
from steps.effects.agent_exchange import Exchange
from steps.effects.chat import Message, TextPart
from steps.effects.effects import Effects
from steps.language.template import Template

_LONGEST_ID = 200


class Thread:
    """The thread of one visit, if it has one.

    Attributes:
        earlier: The earlier messages of the thread, as the model receives them.
    """

    def __init__(
        self, thread_id: str, length: int, earlier: Sequence[Message], effects: Effects
    ) -> None:
        self.earlier = earlier
        self._id = thread_id
        self._length = length
        self._effects = effects

    @classmethod
    async def begun(
        cls, named: Template | None, step: StepInput, agent_id: str, effects: Effects
    ) -> Self:
        """Begin to write to the thread that the step names; done once in a visit.

        Raises `StepBroke` while another step writes to it.
        """
        if named is None:
            return cls("", 0, (), effects)
        thread_id = await named.rendered(step.scope)
        if not isinstance(thread_id, str) or not 0 < len(thread_id) <= _LONGEST_ID:
            message = f"threadId must give a text of 1 to {_LONGEST_ID} characters"
            raise StepBroke("InvalidRequest", message, retryable=False)

        async def work() -> Json:
            return {"thread": thread_id, "length": await effects.thread(thread_id, agent_id)}

        kept = await effects.record("thread", work)
        assert isinstance(kept, dict)  # noqa: S101 - written above
        length = int(kept["length"])  # type: ignore[arg-type]
        return cls(thread_id, length, await _earlier(thread_id, length, effects), effects)

    @classmethod
    async def recorded(cls, kept: Json, effects: Effects) -> Self:
        """Return what was said before a recorded visit, from its record; nothing is added to it."""
        if not isinstance(kept, dict):
            return cls("", 0, (), effects)
        length = int(kept["length"])  # type: ignore[arg-type] # written by `begun`
        earlier = await _earlier(str(kept["thread"]), length, effects)
        return cls("", length, earlier, effects)

    async def added(self, asked: str, outcome: Outcome) -> Outcome:
        """Add the delivery to the thread; return the outcome with the thread's id."""
        if not self._id or not isinstance(outcome, Done):
            return outcome
        response = outcome.got["response"]
        assert isinstance(response, dict)  # noqa: S101 - made by `AgentWork`
        text = response.get("text")
        answer = str(text) if text else json.dumps(outcome.output, ensure_ascii=False)
        await self._effects.add_exchange(self._id, Exchange(self._length + 1, asked, answer))
        return replace(outcome, got={"response": {**response, "threadId": self._id}})


async def _earlier(thread_id: str, length: int, effects: Effects) -> list[Message]:
    earlier: list[Message] = []
    for exchange in await effects.exchanges(thread_id, length):
        earlier.append(Message("user", (TextPart(exchange.message),)))
        earlier.append(Message("assistant", (TextPart(exchange.answer),)))
    return earlier
