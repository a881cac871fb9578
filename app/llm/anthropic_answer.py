"""Reads answers in the format of Anthropic's messages, whole or as a stream of events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from app.llm.endpoint import Endpoint, tool_calls
from app.llm.pieces import merged
from app.llm.received import cut_short, document, events, is_stream, no_answer
from app.llm.thoughts import without_thoughts
from app.llm.tokens import ReportedTokens, usage_of
from app.llm.tolerant import (
    arguments_of,
    as_count,
    as_object,
    as_text,
    as_word,
    journalable,
    objects_of,
)
from app.llm.written_calls import written_calls
from engine import JsonObject
from steps.effects.chat import ChatAnswer, ChatRequest, Finish, ToolCall

_ITS_OWN = frozenset({"text", "tool_use"})


async def read(endpoint: Endpoint, request: ChatRequest, response: httpx2.Response) -> ChatAnswer:
    """Return the answer in a response.

    Raises:
        ProviderError: The response is an error.
        Unreadable: The response is not an answer.
    """
    comes_in_pieces = is_stream(response, asked=endpoint.settings.stream)
    whole = await (_gathered(endpoint, response) if comes_in_pieces else document(response))
    content = whole.get("content")
    if content is None and whole.get("stop_reason"):
        content = []
    if whole.get("error") or not isinstance(content, str | list):
        raise no_answer(whole, response)
    blocks = objects_of(content)
    said = content if isinstance(content, str) else [b for b in blocks if b.get("type") == "text"]
    text, calls = without_thoughts(as_text(said)), _calls(blocks)
    if not calls and (written := written_calls(text, request.tools)):
        text, calls = "", tool_calls(("", name, arguments, {}) for name, arguments in written)
    if not (text or calls) and whole.get("stop_reason") == "tool_use":
        raise no_answer(whole, response)  # calls are announced, and not there
    return ChatAnswer(
        text=text,
        tool_calls=calls,
        finish=_finish(as_word(whole.get("stop_reason")), calls),
        model=as_word(whole.get("model")) or endpoint.settings.model,
        usage=usage_of(request, text, calls, _reported(as_object(whole.get("usage")))),
        latency_ms=0,
        extra=_extra(blocks) if calls else {},
        origin=endpoint.origin,
    )


def _finish(reason: str, calls: tuple[ToolCall, ...]) -> Finish:
    if reason == "refusal":
        return "refusal"
    if reason == "max_tokens":
        return "length"
    if reason == "model_context_window_exceeded":
        return "context"
    return "tool_calls" if calls else "stop"


def _calls(blocks: list[dict[str, Any]]) -> tuple[ToolCall, ...]:
    return tool_calls(
        (as_word(block.get("id")), as_word(block.get("name")), arguments_of(block.get("input")), {})
        for block in blocks
        if block.get("type") == "tool_use"
    )


def _extra(blocks: list[dict[str, Any]]) -> JsonObject:
    """Return the blocks, such as thoughts, that are sent back unchanged with the message."""
    others = [block for block in blocks if block.get("type") not in _ITS_OWN]
    return journalable({"blocks": others}) if others else {}  # type: ignore[dict-item] # JSON


def _reported(usage: dict[str, Any]) -> ReportedTokens:
    asked = as_count(usage.get("input_tokens"))
    read = as_count(usage.get("cache_read_input_tokens"))
    written = as_count(usage.get("cache_creation_input_tokens"))
    whole = None if asked is None else asked + (read or 0) + (written or 0)
    return ReportedTokens(whole, as_count(usage.get("output_tokens")), read, written)


@dataclass(slots=True)
class _BlockPieces:
    begun: dict[str, Any] = field(default_factory=dict)
    deltas: list[dict[str, Any]] = field(default_factory=list)

    def whole(self) -> dict[str, Any]:
        """Return the block; a call's arguments may have come complete with the first event."""
        grown = merged([_texts(self.begun), *self.deltas])
        written = grown.pop("partial_json", "")
        block = {**self.begun, **grown}
        if block.get("type") == "tool_use" and written:
            block["input"] = written
        return block


async def _gathered(endpoint: Endpoint, response: httpx2.Response) -> dict[str, Any]:
    """Put a message together from its events. Raises what `read` raises."""
    whole: dict[str, Any] = {}
    blocks: dict[int, _BlockPieces] = {}
    usage: dict[str, Any] = {}
    is_done = False
    try:
        async for event in events(response):
            if event is None:
                continue
            begun, delta = as_object(event.get("message")), as_object(event.get("delta"))
            whole |= {key: begun[key] for key in ("model", "stop_reason") if begun.get(key)}
            for part in (begun.get("usage"), event.get("usage")):
                usage |= {key: count for key, count in as_object(part).items() if count is not None}
            whole["stop_reason"] = as_word(delta.get("stop_reason")) or whole.get("stop_reason")
            is_done = is_done or event.get("type") == "message_stop"
            _take(blocks, as_count(event.get("index")) or 0, event)
            endpoint.on_text(as_text(delta.get("text")))
    except httpx2.TransportError:
        # The answer is complete once the reason to stop has come.
        if not whole.get("stop_reason"):
            raise
    if not whole.get("stop_reason") and not is_done:
        raise cut_short()
    return {**whole, "usage": usage, "content": [blocks[at].whole() for at in sorted(blocks)]}


def _take(blocks: dict[int, _BlockPieces], index: int, event: Mapping[str, Any]) -> None:
    block, delta = as_object(event.get("content_block")), as_object(event.get("delta"))
    if block:
        blocks.setdefault(index, _BlockPieces()).begun = block
    texts = _texts(delta)
    if event.get("type") == "content_block_delta" and texts:
        pieces = blocks.setdefault(index, _BlockPieces({"type": "text"}))
        pieces.deltas.append(texts)


def _texts(piece: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a block that grow: all its strings except names."""
    names = ("type", "id", "name", "tool_use_id")
    return {k: v for k, v in piece.items() if isinstance(v, str) and k not in names}
