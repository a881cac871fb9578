"""Endpoints that speak OpenAI's chat completions: OpenAI, vLLM, Ollama, llama.cpp, ..."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any, Literal
from urllib.parse import urlsplit

from app.llm.endpoint import Endpoint, Wire, arguments_text, cut_short, read, tool_call
from app.llm.schemas import in_words, is_strict
from app.settings.llm import ModelDocument
from engine import Json
from steps.chat import ChatAnswer, ChatRequest, ImagePart, Message, TextPart

BASE_URL = "https://api.openai.com/v1"
_NO_KEY = "none"


class _Function(Wire):
    name: str | None = None
    arguments: str | None = None


class _Call(Wire):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Said(Wire):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(Wire):
    message: _Said
    finish_reason: str | None = None


class _Usage(Wire):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Completion(Wire):
    choices: list[_Choice]
    model: str | None = None
    usage: _Usage | None = None


class _DeltaChoice(Wire):
    index: int = 0
    delta: _Said = _Said()
    finish_reason: str | None = None


class _Chunk(Wire):
    choices: list[_DeltaChoice]
    model: str | None = None
    usage: _Usage | None = None


async def ask(endpoint: Endpoint, request: ChatRequest) -> ChatAnswer:
    """Ask once; `latency_ms` is left for the caller to fill in.

    Raises:
        StepBroke: The answer is not in the wire format.
        Exception: Whatever the library raises.
    """
    completions = await asyncio.to_thread(_completions, endpoint)
    answer = await completions.create(**_body(endpoint.settings, request))
    if endpoint.settings.stream:
        answer = await _gathered(answer)
    return _answer(read(_Completion, answer), endpoint.settings.model)


def _completions(endpoint: Endpoint) -> Any:
    # The library takes a third of a second and many megabytes to import, which a server
    # without models need not pay; in a thread, since the import would hold up the loop.
    import openai  # noqa: PLC0415

    key = endpoint.key or _NO_KEY
    client = openai.AsyncOpenAI(
        api_key=key,
        base_url=endpoint.settings.baseUrl or BASE_URL,
        # Said here, so that no header that the environment names takes its place.
        default_headers={"Authorization": f"Bearer {key}"},
        max_retries=0,
        timeout=endpoint.settings.timeout / 1_000,
        http_client=endpoint.client,
    )
    return client.chat.completions


def _body(settings: ModelDocument, request: ChatRequest) -> dict[str, Any]:
    messages = [_message(message) for message in request.messages]
    body: dict[str, Any] = {"model": settings.model, "stream": settings.stream}
    if settings.stream:
        body["stream_options"] = {"include_usage": True}
    if request.schema is not None:
        if settings.structured == "json_schema":
            body["response_format"] = _response_format(request.schema)
        else:
            _instruct(messages, in_words(request.schema))
        if settings.structured == "json_object":
            body["response_format"] = {"type": "json_object"}
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.schema,
                },
            }
            for tool in request.tools
        ]
    if request.temperature is not None:
        body["temperature"] = request.temperature
    most = request.max_tokens or settings.maxTokens
    if most is not None:
        body[_limit_word(settings.baseUrl)] = most
    return {**body, "messages": messages}


def _instruct(messages: list[dict[str, Any]], words: str) -> None:
    """Add instructions; many servers take one system message only, and take it first."""
    if messages and messages[0]["role"] == "system":
        messages[0]["content"] += f"\n\n{words}"
    else:
        messages.insert(0, {"role": "system", "content": words})


def _response_format(schema: dict[str, Json]) -> dict[str, Any]:
    named: dict[str, Any] = {"name": "output", "schema": schema}
    if is_strict(schema):
        named["strict"] = True
    return {"type": "json_schema", "json_schema": named}


def _limit_word(base_url: str | None) -> str:
    """OpenAI's newer models refuse `max_tokens`; many other servers know nothing else."""
    host = urlsplit(base_url or BASE_URL).hostname or ""
    is_its_own = host.endswith((".openai.com", ".openai.azure.com"))
    return "max_completion_tokens" if is_its_own else "max_tokens"


def _message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        return {
            "role": "tool",
            "tool_call_id": message.tool_call_id,
            "content": _text(message, "(a picture, which cannot be shown here)"),
        }
    if any(isinstance(part, ImagePart) for part in message.parts):
        content: Any = [_part(part) for part in message.parts]
    else:
        content = _text(message)
    said = {"role": message.role, "content": content}
    if message.tool_calls:
        said["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": arguments_text(call.arguments, call.text),
                },
            }
            for call in message.tool_calls
        ]
    return said


def _text(message: Message, picture: str = "") -> str:
    return "\n\n".join(
        part.text if isinstance(part, TextPart) else picture for part in message.parts
    )


def _part(part: TextPart | ImagePart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    data = base64.b64encode(part.content).decode()
    return {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{data}"}}


class _Calls:
    """Puts tool calls together from their pieces.

    Some servers send no index and each call whole, so a new id begins a new call too.
    """

    def __init__(self) -> None:
        self.made: list[_Call] = []
        self._places: dict[int | None, int] = {}

    def take(self, piece: _Call) -> None:
        """Take the next piece."""
        place = self._places.get(piece.index)
        if place is None or (piece.id and piece.id != self.made[place].id):
            place = self._places[piece.index] = len(self.made)
            self.made.append(_Call(id=piece.id, function=_Function()))
        before = self.made[place].function or _Function()
        more = piece.function or _Function()
        function = _Function(
            name=more.name or before.name,
            arguments=(before.arguments or "") + (more.arguments or ""),
        )
        self.made[place] = _Call(id=self.made[place].id, function=function)


async def _gathered(stream: AsyncIterator[object]) -> _Completion:
    """Put the answer together from its pieces."""
    text, refusal, finish = "", "", None
    model, usage = None, None
    calls = _Calls()
    async for raw in stream:
        chunk = read(_Chunk, raw)
        model, usage = chunk.model or model, chunk.usage or usage
        for choice in chunk.choices:
            if choice.index != 0:
                continue
            text += choice.delta.content or ""
            refusal += choice.delta.refusal or ""
            finish = choice.finish_reason or finish
            for call in choice.delta.tool_calls or ():
                calls.take(call)
    if finish is None:
        raise cut_short()
    said = _Said(content=text, refusal=refusal or None, tool_calls=calls.made)
    whole = _Choice(message=said, finish_reason=finish)
    return _Completion(choices=[whole], model=model, usage=usage)


def _answer(completion: _Completion, asked: str) -> ChatAnswer:
    if not completion.choices:
        raise cut_short()
    choice = completion.choices[0]
    said, usage = choice.message, completion.usage or _Usage()
    calls = tuple(
        tool_call(
            call.id or f"call_{number}", call.function.name or "", call.function.arguments or ""
        )
        for number, call in enumerate(said.tool_calls or ())
        if call.function is not None
    )
    finish: Literal["stop", "tool_calls", "length", "refusal"] = "tool_calls" if calls else "stop"
    if said.refusal or choice.finish_reason == "content_filter":
        finish = "refusal"
    elif choice.finish_reason == "length":
        finish = "length"
    return ChatAnswer(
        text=said.content or said.refusal or "",
        tool_calls=calls,
        finish=finish,
        model=completion.model or asked,
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        latency_ms=0,
    )
