"""Asks models by Anthropic's messages format, at Anthropic and compatible endpoints."""

import base64
from functools import partial
from typing import Any

from app.concurrency.first_use import loaded
from app.llm.endpoint import CallIds, Endpoint, beside_loop, must_take, named
from app.llm.installed import installed_models
from app.llm.schemas import has_open_part, in_words
from app.llm.tolerant import objects_of
from steps.effects.chat import ChatAnswer, ChatRequest, ImagePart, Message, Part, TextPart

BASE_URL = "https://api.anthropic.com"
_NO_KEY = "none"
_MOST_TOKENS = 4_096  # the messages format requires a limit; every model allows this one
_KEEP = {"cache_control": {"type": "ephemeral"}}
_EMPTY = {"type": "text", "text": "(empty)"}  # the messages format has no empty message


async def ask(endpoint: Endpoint, request: ChatRequest) -> ChatAnswer:
    """Ask once; the caller fills in `latency_ms`.

    Raises:
        ProviderError: The answer is an error.
        Unreadable: The answer is not in the wire format.
        Exception: Whatever the library raises.
    """
    messages, transform, read = await loaded(partial(_messages, endpoint))
    body = await beside_loop(request, partial(_body, endpoint, request, transform))
    asked = messages.with_streaming_response.create(**body)
    # The library's own reader accepts no deviation from the specification.
    async with asked as answer:
        found: ChatAnswer = await read(endpoint, request, answer.http_response)
        return found


def _messages(endpoint: Endpoint) -> tuple[Any, Any, Any]:
    # The library takes most of a second and many megabytes to import, which a server without models
    # need not pay. It is imported in a thread, since the import would block the loop.
    with installed_models():
        import anthropic

        from app.llm.anthropic_answer import read

    key = endpoint.key or _NO_KEY
    client = anthropic.AsyncAnthropic(
        api_key=key,
        base_url=endpoint.base_url,
        # Set here, so that no header from the environment takes its place.
        default_headers={"Authorization": f"Bearer {key}"},
        max_retries=endpoint.retries,
        timeout=endpoint.settings.timeout / 1_000,
        http_client=endpoint.client,
        open_telemetry=False,
    )
    return client.messages, anthropic.transform_schema, read


def _body(endpoint: Endpoint, request: ChatRequest, transform: Any) -> dict[str, Any]:
    settings = endpoint.settings
    system = [message.text for message in request.messages if message.role == "system"]
    caches = request.caches if settings.cache is None else settings.cache
    thinks, tokens = _thinking(
        settings.reasoning if request.reasoning is None else request.reasoning
    )
    turns = _turns(request.messages, endpoint)
    body: dict[str, Any] = {
        "model": settings.model,
        # The tokens of its thoughts count as output.
        "max_tokens": (request.max_tokens or settings.maxTokens or _MOST_TOKENS) + tokens,
        "messages": _marked(turns) if caches else turns,
        "stream": settings.stream,
    }
    if request.schema is not None:
        structured = request.structured or settings.structured
        if structured != "json_schema" or has_open_part(request.schema):
            system.append(in_words(request.schema))
        else:
            schema = transform(request.schema)
            body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    if effort := thinks.pop("effort", None):
        body["output_config"] = {**body.get("output_config", {}), "effort": effort}
    if system:
        text = {"type": "text", "text": "\n\n".join(system)}
        body["system"] = [{**text, **_KEEP}] if caches else text["text"]
    if request.tools:
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.schema}
            for tool in request.tools
        ]
        if caches and not system:
            body["tools"][-1] |= _KEEP
    if request.tools and request.tool_choice is not None:
        is_any = request.tool_choice == "required"
        named = {"type": "tool", "name": request.tool_choice}
        body["tool_choice"] = {"type": "any"} if is_any else named
    further: dict[str, Any] = {**settings.options, **thinks}
    if request.temperature is not None:
        # The library no longer has this parameter; models that accept it still do.
        further["temperature"] = request.temperature
    if further:
        body["extra_body"] = further
    return body


def _thinking(reasoning: str | int | None) -> tuple[dict[str, Any], int]:
    """Return the request's settings for thinking, and how many tokens the thoughts may have."""
    if reasoning is None:
        return {}, 0
    if isinstance(reasoning, int):
        return {"thinking": {"type": "enabled", "budget_tokens": reasoning}}, reasoning
    if reasoning == "none":
        return {"thinking": {"type": "disabled"}}, 0
    effort = {"minimal": "low", "xhigh": "max"}.get(reasoning, reasoning)
    return {"thinking": {"type": "adaptive"}, "effort": effort}, 0


def _marked(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ask the provider to cache the conversation up to the last two user turns.

    The next request finds what this one has cached, even if much was said in between.
    """
    for turn in [turn for turn in turns if turn["role"] == "user"][-2:]:
        turn["content"][-1] = {**turn["content"][-1], **_KEEP}
    return turns


def _turns(messages: tuple[Message, ...], endpoint: Endpoint) -> list[dict[str, Any]]:
    """Return the conversation; the results of several tools form one user turn."""
    turns: list[dict[str, Any]] = []
    ids = CallIds(endpoint)
    for message in messages:
        if message.role == "system":
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message, endpoint, ids)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    return turns


def _blocks(message: Message, endpoint: Endpoint, ids: CallIds) -> list[dict[str, Any]]:
    parts = message.parts
    if message.role == "tool" and not endpoint.settings.takes_images:
        parts = tuple(named(part) for part in parts)
    blocks = [_part(part, endpoint) for part in parts if not _is_blank(part)]
    if message.role == "tool":
        result = {"type": "tool_result", "tool_use_id": ids.answered(message)}
        return [{**result, "content": blocks or [_EMPTY]}]
    if message.origin == endpoint.origin:
        blocks = [*objects_of(message.extra.get("blocks")), *blocks]
    blocks += [
        {"type": "tool_use", "id": call_id, "name": call.name, "input": call.arguments or {}}
        for call_id, call in zip(ids.of(message), message.tool_calls, strict=True)
    ]
    return blocks or [_EMPTY]


def _is_blank(part: Part) -> bool:
    return isinstance(part, TextPart) and not part.text.strip()


def _part(part: Part, endpoint: Endpoint) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    data = base64.b64encode(part.content).decode()
    source = {"type": "base64", "media_type": part.media_type, "data": data}
    if isinstance(part, ImagePart):
        return {"type": "image", "source": source}
    must_take(endpoint, part)
    return {"type": "document", "source": source, **({"title": part.name} if part.name else {})}
