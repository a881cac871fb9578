"""Shortens an agent's conversation when it grows too long for the model.

Both methods depend only on the visit's records: results are left out according to the token counts
of the answers, and a summary is itself a record. Executing the step again therefore asks exactly
the same questions.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from steps.agents.agent import Context
from steps.effects.chat import ChatAnswer, Message, Part, TextPart, ToolSpec
from steps.models.tokens import message_tokens, specs_tokens

Summarize: TypeAlias = Callable[[Sequence[Message]], Awaitable[str]]
"""Asks a model for a summary; called once for each turn, and then kept as a record."""

_SHORT = 400
"""Results of up to this many characters are kept: a placeholder would hardly be shorter."""

_WORTH_A_SUMMARY = 4
"""Text is summarised if it has at least one part in this many of a question's token limit."""

SUMMARY_INSTRUCTIONS = (
    "An agent works on a task, and its conversation has become too long. Write down what it "
    "needs to continue without it: what it was asked, what it has done, what it has found (names, "
    "numbers, ids and addresses word for word), what went wrong, what is still to be done. "
    "Answer with that text only."
)


class Conversation:
    """The conversation of one visit: everything that was said, and the part sent to the model."""

    def __init__(
        self,
        context: Context | None,
        begun: tuple[Message, Sequence[Message], Message],
        specs: Sequence[ToolSpec],
    ) -> None:
        """Begin with the instructions, the earlier messages of the thread, and the message."""
        self._context = context
        self._system, self._earlier, self._user = begun
        self._said: list[Message] = []
        self._answers: list[int] = []
        self._cleared = 0
        self._folded = 0
        self._has_summary = False
        self._is_new = False
        # The size of the next question is counted only if something depends on it.
        self._tokens = 0
        if context is not None:
            self._tokens = specs_tokens(specs) + sum(map(message_tokens, self._begun()))

    def add(self, message: Message) -> None:
        """Add the result of a tool, or a message to the agent."""
        self._said.append(message)
        if self._context is not None:
            self._tokens += message_tokens(message)

    def answered(self, answer: ChatAnswer) -> None:
        """Add an answer; its token count and that of its question are known from now on."""
        self._is_new = False
        self._answers.append(len(self._said))
        self._said.append(answer.as_message())
        self._tokens = answer.usage.total

    def newly_said(self, turn: int) -> Sequence[Message]:
        """Return the messages since the last answer; the thread already keeps what came before."""
        if turn == 1:
            return (self._system, self._user, *self._said)
        return (*self._said, self._system) if self._is_new else self._said

    def hand_over(
        self, context: Context | None, system: Message, specs: Sequence[ToolSpec]
    ) -> None:
        """Continue with the instructions of another agent, which gets the whole conversation."""
        self._context, self._system, self._is_new = context, system, True
        if context is not None:
            messages = (*self._begun(), *self._said[self._folded :])
            self._tokens = specs_tokens(specs) + sum(map(message_tokens, messages))

    async def messages(self, summarize: Summarize) -> tuple[Message, ...]:
        """Return the messages that the model receives now."""
        context = self._context
        if context is not None and self._tokens > context.maxTokens:
            end = self._end_of_old(context.keepLast)
            if context.summarize:
                await self._fold(end, context, summarize)
            else:
                self._clear(end, context)
        between = (cleared(message) for message in self._said[self._folded : self._cleared])
        return (*self._begun(), *between, *self._said[max(self._folded, self._cleared) :])

    def _begun(self) -> tuple[Message, ...]:
        return (self._system, *self._earlier, self._user)

    def _end_of_old(self, kept: int) -> int:
        """Return where the newest answers begin, which are kept with everything after them."""
        return self._answers[-kept] if len(self._answers) >= kept else 0

    def _clear(self, end: int, context: Context) -> None:
        """Leave out old results and, if that is not enough, the oldest messages of a thread.

        All of them go at once, so that the start of the conversation stays the same for many turns
        and a provider can read it from its cache.
        """
        for message in self._said[self._cleared : end]:
            self._tokens -= message_tokens(message) - message_tokens(cleared(message))
        self._cleared = max(self._cleared, end)
        if self._tokens > context.maxTokens and len(self._earlier) > 2 * context.keepLast:
            first = len(self._earlier) - 2 * context.keepLast
            left = self._earlier[first:]
            self._tokens -= sum(map(message_tokens, self._earlier[:first]))
            self._earlier = ()
            if left:
                self._earlier = (_after_more(left[0]), *left[1:])
            else:
                self._user = _after_more(self._user)

    async def _fold(self, end: int, context: Context, summarize: Summarize) -> None:
        """Replace the old part of the conversation by a summary."""
        old = (*self._earlier, *self._said[self._folded : end])
        if sum(map(message_tokens, old)) * _WORTH_A_SUMMARY < context.maxTokens:
            return
        summary = await summarize((*self._begun(), *self._said[self._folded : end]))
        part = TextPart(f"What has been done so far, in short:\n\n{summary}")
        self._tokens -= sum(map(message_tokens, (*old, self._user)))
        self._user = replace(self._user, parts=(*self._asked(), part))
        self._tokens += message_tokens(self._user)
        self._earlier, self._folded = (), max(self._folded, end)
        self._has_summary = True

    def _asked(self) -> tuple[Part, ...]:
        """Return the message without the earlier summary, which the new one includes."""
        return self._user.parts[:-1] if self._has_summary else self._user.parts


def cleared(message: Message) -> Message:
    """Return a message in its old form: a tool result is replaced by its length."""
    size = sum(len(part.text) for part in message.parts if isinstance(part, TextPart))
    has_pictures = any(not isinstance(part, TextPart) for part in message.parts)
    if message.role != "tool" or (size <= _SHORT and not has_pictures):
        return message
    note = f"(Left out to save room: {size:,} characters. Call again if you need them.)"
    return replace(message, parts=(TextPart(note),))


def as_text(messages: Sequence[Message]) -> str:
    """Return a conversation as text for the model that summarises it."""
    said: list[str] = []
    for message in messages:
        text = "\n".join(
            part.text if isinstance(part, TextPart) else f"(picture, {part.media_type})"
            for part in message.parts
        )
        calls = [
            f"calls {call.name} with {json.dumps(call.arguments, ensure_ascii=False)}"
            for call in message.tool_calls
        ]
        said.append(f"## {message.role}\n" + "\n".join(filter(None, (text, *calls))))
    return "\n\n".join(said)


def _after_more(message: Message) -> Message:
    note = TextPart("(What was said before this is left out to save room.)")
    return replace(message, parts=(note, *message.parts))
