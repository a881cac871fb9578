"""Anthropic's messages, and endpoints that speak them."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any, Literal

from app.llm.endpoint import Endpoint, Wire, cut_short, read, tool_call
from app.llm.schemas import has_open_part, in_words
from app.settings.llm import ModelDocument
from steps.chat import ChatAnswer, ChatRequest, ImagePart, Message, TextPart, ToolCall

BASE_URL = "https://api.anthropic.com"
_NO_KEY = "none"
_MOST_TOKENS = 4_096  # the messages format asks for a bound; every model allows this one
_EMPTY = {"type": "text", "text": "(empty)"}  # the messages format has no empty message


class _Block(Wire):
    type: str
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: Any = None


class _Usage(Wire):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _Message(Wire):
    content: list[_Block]
    model: str | None = None
    stop_reason: str | None = None
    usage: _Usage = _Usage()


class _Delta(Wire):
    text: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class _Event(Wire):
    type: str
    index: int = 0
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta = _Delta()
    usage: _Usage = _Usage()


async def ask(endpoint: Endpoint, request: ChatRequest) -> ChatAnswer:
    """Ask once; `latency_ms` is left for the caller to fill in.

    Raises:
        StepBroke: The answer is not in the wire format.
        Exception: Whatever the library raises.
    """
    messages, transform = await asyncio.to_thread(_messages, endpoint)
    answer = await messages.create(**_body(endpoint.settings, request, transform))
    if endpoint.settings.stream:
        return await _gathered(answer, endpoint.settings.model)
    message = read(_Message, answer)
    calls = [_call(block) for block in message.content if block.type == "tool_use"]
    text = "".join(block.text or "" for block in message.content if block.type == "text")
    return _answer(message, text, calls, message.model or endpoint.settings.model)


def _messages(endpoint: Endpoint) -> tuple[Any, Any]:
    # The library takes most of a second and many megabytes to import, which a server
    # without models need not pay; in a thread, since the import would hold up the loop.
    import anthropic  # noqa: PLC0415

    key = endpoint.key or _NO_KEY
    client = anthropic.AsyncAnthropic(
        api_key=key,
        base_url=endpoint.settings.baseUrl or BASE_URL,
        # Said here, so that no header that the environment names takes its place.
        default_headers={"Authorization": f"Bearer {key}"},
        max_retries=0,
        timeout=endpoint.settings.timeout / 1_000,
        http_client=endpoint.client,
        open_telemetry=False,
    )
    return client.messages, anthropic.transform_schema


def _body(settings: ModelDocument, request: ChatRequest, transform: Any) -> dict[str, Any]:
    system = [_text(message) for message in request.messages if message.role == "system"]
    body: dict[str, Any] = {
        "model": settings.model,
        "max_tokens": request.max_tokens or settings.maxTokens or _MOST_TOKENS,
        "messages": _turns(request.messages),
        "stream": settings.stream,
    }
    if request.schema is not None:
        if settings.structured == "prompt" or has_open_part(request.schema):
            system.append(in_words(request.schema))
        else:
            schema = transform(request.schema)
            body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    if system:
        body["system"] = "\n\n".join(system)
    if request.tools:
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.schema}
            for tool in request.tools
        ]
    if request.temperature is not None:
        # The library has no such parameter any more; models that take it still do.
        body["extra_body"] = {"temperature": request.temperature}
    return body


def _turns(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """Return the conversation; results of several tools are one turn of the user's."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "system":
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    return turns


def _blocks(message: Message) -> list[dict[str, Any]]:
    blocks = [_part(part) for part in message.parts if not _is_blank(part)]
    if message.role == "tool":
        result = {"type": "tool_result", "tool_use_id": message.tool_call_id}
        return [{**result, "content": blocks or [_EMPTY]}]
    blocks += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments or {}}
        for call in message.tool_calls
    ]
    return blocks or [_EMPTY]


def _is_blank(part: TextPart | ImagePart) -> bool:
    return isinstance(part, TextPart) and not part.text.strip()


def _part(part: TextPart | ImagePart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    data = base64.b64encode(part.content).decode()
    source = {"type": "base64", "media_type": part.media_type, "data": data}
    return {"type": "image", "source": source}


def _text(message: Message) -> str:
    return "\n\n".join(part.text for part in message.parts if isinstance(part, TextPart))


async def _gathered(stream: AsyncIterator[object], asked: str) -> ChatAnswer:
    """Put the answer together from its events."""
    begun: _Message | None = None
    stop_reason: str | None = None
    usage = _Usage()
    blocks: dict[int, _Block] = {}
    pieces: dict[int, str] = {}
    async for raw in stream:
        event = read(_Event, raw)
        if event.message is not None:
            begun, usage = event.message, event.message.usage
        if event.content_block is not None:
            blocks[event.index] = event.content_block
        piece = event.delta.text or event.delta.partial_json or ""
        pieces[event.index] = pieces.get(event.index, "") + piece
        stop_reason = event.delta.stop_reason or stop_reason
        told = {k: v for k, v in event.usage.model_dump().items() if v is not None}
        usage = usage.model_copy(update=told)
    if begun is None or stop_reason is None:
        raise cut_short()
    text, calls = "", []
    for index, block in sorted(blocks.items()):
        if block.type == "text":
            text += (block.text or "") + pieces.get(index, "")
        elif block.type == "tool_use":
            calls.append(tool_call(block.id or "", block.name or "", pieces.get(index, "")))
    ended = _Message(content=[], stop_reason=stop_reason, usage=usage)
    return _answer(ended, text, calls, begun.model or asked)


def _call(block: _Block) -> ToolCall:
    text = json.dumps(block.input, ensure_ascii=False)
    return tool_call(block.id or "", block.name or "", text)


def _answer(message: _Message, text: str, calls: list[ToolCall], model: str) -> ChatAnswer:
    finish: Literal["stop", "tool_calls", "length", "refusal"] = "tool_calls" if calls else "stop"
    if message.stop_reason == "refusal":
        finish = "refusal"
    elif message.stop_reason in ("max_tokens", "model_context_window_exceeded"):
        finish = "length"
    usage = message.usage
    cached = (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0)
    return ChatAnswer(
        text=text,
        tool_calls=tuple(calls),
        finish=finish,
        model=model,
        input_tokens=(usage.input_tokens or 0) + cached,
        output_tokens=usage.output_tokens or 0,
        latency_ms=0,
    )
