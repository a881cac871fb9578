"""Asks models by OpenAI's chat completions: OpenAI, vLLM, Ollama, llama.cpp and others."""

import base64
import json
from functools import partial
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from app.concurrency.first_use import loaded
from app.llm.endpoint import CallIds, Endpoint, arguments_text, beside_loop, must_take, named
from app.llm.openai_library import openai_client
from app.llm.schemas import in_words, is_strict
from engine import Json
from steps.contract.step_type import StepBroke
from steps.effects.chat import (
    AUDIO_FORMATS,
    ChatAnswer,
    ChatRequest,
    ImagePart,
    Message,
    Part,
    TextPart,
    ToolCall,
)

BASE_URL = "https://api.openai.com/v1"
_COUNTS = "stream_options"
_REFUSED = (400, 422)


async def ask(endpoint: Endpoint, request: ChatRequest) -> ChatAnswer:
    """Ask once; the caller fills in `latency_ms`.

    Raises:
        ProviderError: The answer is an error.
        Unreadable: The answer is not in the wire format.
        Exception: Whatever the library raises.
    """
    completions, read = await loaded(partial(_completions, endpoint))
    body = await _body_of(endpoint, request)

    async def answered() -> ChatAnswer:
        # The library's own reader accepts no deviation from the specification.
        async with completions.with_streaming_response.create(**body) as answer:
            found: ChatAnswer = await read(endpoint, request, answer.http_response)
            return found

    try:
        return await answered()
    except Exception as refused:
        # The option only asks for token counts; if the endpoint does not know it, they are
        # estimated.
        if _COUNTS not in body or not _refuses(refused, _COUNTS):
            raise
        del body[_COUNTS]
        return await answered()


def _refuses(failure: Exception, key: str) -> bool:
    """Return whether an endpoint refuses a request because of one key in it."""
    body = json.dumps(getattr(failure, "body", None), default=str)
    return getattr(failure, "status_code", None) in _REFUSED and key in body


def _completions(endpoint: Endpoint) -> tuple[Any, Any]:
    client = openai_client(endpoint)
    from app.llm.openai_answer import read

    return client.chat.completions, read


async def _body_of(endpoint: Endpoint, request: ChatRequest) -> dict[str, Any]:
    """Return the request's body, made in a thread if it contains files."""
    return await beside_loop(request, partial(_body, endpoint, request))


def _body(endpoint: Endpoint, request: ChatRequest) -> dict[str, Any]:
    settings = endpoint.settings
    messages = _messages(request.messages, endpoint)
    body: dict[str, Any] = {"model": settings.model, "stream": settings.stream}
    if settings.stream and not _is_of(endpoint.base_url, ".mistral.ai"):  # counts unasked
        body[_COUNTS] = {"include_usage": True}
    if request.schema is not None:
        structured = request.structured or settings.structured
        if structured == "json_schema":
            body["response_format"] = _response_format(request.schema)
        else:
            _instruct(messages, in_words(request.schema))
            if structured == "json_object":
                body["response_format"] = {"type": "json_object"}
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    # OpenAI refuses the schema of an object without `properties`.
                    "parameters": {"properties": {}, **tool.schema},
                },
            }
            for tool in request.tools
        ]
    if request.tools and request.tool_choice is not None:
        body["tool_choice"] = _tool_choice(request)
    if request.temperature is not None:
        body["temperature"] = request.temperature
    further = _further(endpoint, request)
    if further:
        body["extra_body"] = further
    most = request.max_tokens or settings.maxTokens
    if most is not None:
        body[_limit_word(endpoint.base_url)] = most
    return {**body, "messages": messages}


def _further(endpoint: Endpoint, request: ChatRequest) -> dict[str, Any]:
    """Return the keys that the library does not know. Raises `StepBroke`."""
    settings = endpoint.settings
    reasoning = settings.reasoning if request.reasoning is None else request.reasoning
    if isinstance(reasoning, int):
        message = "a model of provider openai takes words as reasoning, such as low or high"
        raise StepBroke("ModelRejected", message, retryable=False)
    further: dict[str, Any] = {**settings.options}
    if reasoning is not None:
        further["reasoning_effort"] = reasoning
    if request.caches and request.conversation and _is_its_own(endpoint.base_url):
        # OpenAI caches common beginnings by itself; the key leads to the same machine again.
        further["prompt_cache_key"] = sha256(request.conversation.encode()).hexdigest()[:32]
    return further


def _tool_choice(request: ChatRequest) -> Any:
    # Some servers, such as llama.cpp's, accept no tool name but know `required`.
    if request.tool_choice == "required" or len(request.tools) == 1:
        return "required"
    return {"type": "function", "function": {"name": request.tool_choice}}


def _instruct(messages: list[dict[str, Any]], words: str) -> None:
    """Add instructions; many servers accept only one system message, and only as the first."""
    if messages and messages[0]["role"] == "system":
        messages[0]["content"] += f"\n\n{words}"
    else:
        messages.insert(0, {"role": "system", "content": words})


def _response_format(schema: dict[str, Json]) -> dict[str, Any]:
    named: dict[str, Any] = {"name": "output", "schema": schema}
    if is_strict(schema):
        named["strict"] = True
    return {"type": "json_schema", "json_schema": named}


def _limit_word(base_url: str) -> str:
    """Return the key for the token limit.

    OpenAI's newer models refuse `max_tokens`; many other servers know only that.
    """
    return "max_completion_tokens" if _is_its_own(base_url) else "max_tokens"


def _is_its_own(base_url: str) -> bool:
    return _is_of(base_url, ".openai.com", ".openai.azure.com")


def _is_of(base_url: str, *domains: str) -> bool:
    return (urlsplit(base_url).hostname or "").endswith(domains)


def _messages(messages: tuple[Message, ...], endpoint: Endpoint) -> list[dict[str, Any]]:
    """Return the conversation; images from tools follow the tools' results, which are text here."""
    said: list[dict[str, Any]] = []
    pictures: list[dict[str, Any]] = []
    ids = CallIds(endpoint)
    for message in messages:
        if message.role != "tool" and pictures:
            said.append({"role": "user", "content": pictures})
            pictures = []
        said.append(_message(message, endpoint, ids))
        if message.role == "tool" and endpoint.settings.takes_images:
            shown = [_part(part, endpoint) for part in message.parts if isinstance(part, ImagePart)]
            if shown:
                caption = f"The pictures that the call {ids.answered(message)} gave:"
                pictures += [{"type": "text", "text": caption}, *shown]
    return [*said, {"role": "user", "content": pictures}] if pictures else said


def _result(message: Message, endpoint: Endpoint, ids: CallIds) -> dict[str, Any]:
    if endpoint.settings.takes_images:
        content = message.text
    else:
        content = "\n\n".join(named(part).text for part in message.parts)
    content = content or "(pictures, which follow)"
    return {"role": "tool", "tool_call_id": ids.answered(message), "content": content}


def _message(message: Message, endpoint: Endpoint, ids: CallIds) -> dict[str, Any]:
    if message.role == "tool":
        return _result(message, endpoint, ids)
    if any(not isinstance(part, TextPart) for part in message.parts):
        content: Any = [_part(part, endpoint) for part in message.parts]
    else:
        content = message.text
    is_its_own = message.origin == endpoint.origin
    said = {"role": message.role, "content": content, **(message.extra if is_its_own else {})}
    if message.tool_calls:
        said["tool_calls"] = [
            {
                **(call.extra if is_its_own else {}),
                "id": call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": _arguments(call, endpoint)},
            }
            for call_id, call in zip(ids.of(message), message.tool_calls, strict=True)
        ]
    return said


def _arguments(call: ToolCall, endpoint: Endpoint) -> str:
    """Return arguments as JSON, even if the model wrote something else.

    Most servers except OpenAI's parse them, and refuse the whole conversation if they cannot.
    """
    if call.arguments is None and not _is_its_own(endpoint.base_url):
        return json.dumps({"unreadable": call.text}, ensure_ascii=False)
    return arguments_text(call.arguments, call.text)


def _part(part: Part, endpoint: Endpoint) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    data = base64.b64encode(part.content).decode()
    address = f"data:{part.media_type};base64,{data}"
    if isinstance(part, ImagePart):
        return {"type": "image_url", "image_url": {"url": address}}
    must_take(endpoint, part)
    if part.media_type in AUDIO_FORMATS:
        sound = {"data": data, "format": AUDIO_FORMATS[part.media_type]}
        return {"type": "input_audio", "input_audio": sound}
    return {"type": "file", "file": {"filename": part.name or "file.pdf", "file_data": address}}
