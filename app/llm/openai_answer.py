"""Reads answers in OpenAI's format, whole or as a stream, with the variations of other servers."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import httpx2

from app.llm.endpoint import Endpoint, tool_calls
from app.llm.failures import ProviderError
from app.llm.made_files import made_files, spoken
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
    rest_of,
)
from app.llm.written_calls import written_calls
from engine import JsonObject
from steps.effects.chat import ChatAnswer, ChatRequest, Finish, ToolCall

_OF_A_MESSAGE = frozenset(
    {"role", "content", "refusal", "tool_calls", "function_call", "annotations", "audio", "images"}
)
_MADE = frozenset({"audio", "images"})
_FLAT = ("name", "arguments")
_OF_A_CALL = frozenset({"id", "type", "index", "function", *_FLAT})
_CALLS = frozenset({"tool_calls", "function_call"})
_LENGTH = frozenset({"length", "max_tokens"})
_CONTEXT = frozenset({"model_length", "context_length", "context_window"})
_REFUSED = frozenset({"content_filter", "refusal", "safety"})


async def read(endpoint: Endpoint, request: ChatRequest, response: httpx2.Response) -> ChatAnswer:
    """Return the answer in a response.

    Raises:
        ProviderError: The response is an error.
        Unreadable: The response is not an answer.
    """
    comes_in_pieces = is_stream(response, asked=endpoint.settings.stream)
    whole = await (_gathered(endpoint, response) if comes_in_pieces else document(response))
    choices = objects_of(whole.get("choices"))
    if not choices:
        raise no_answer(whole, response)
    choice = next((one for one in choices if not as_count(one.get("index"))), choices[0])
    said = as_object(choice.get("message") or choice.get("delta"))
    finish = as_word(choice.get("finish_reason")).lower()
    text = without_thoughts(as_text(said.get("content") or choice.get("text")))
    calls = _calls(said)
    refusal = as_text(said.get("refusal"))
    if not (calls or refusal) and (written := written_calls(text, request.tools)):
        text, calls = "", tool_calls(("", name, arguments, {}) for name, arguments in written)
    if finish == "error" or choice.get("error"):
        raise ProviderError(choice if choice.get("error") else whole, response)
    made = made_files(said)
    has_lost_calls = finish in _CALLS  # they are announced, and not there
    if not (text or calls or refusal or made) and (
        whole.get("error") or has_lost_calls or not (said or finish)
    ):
        raise no_answer(whole, response)
    usage = _usage_in(whole) or _usage_in(choice)
    return ChatAnswer(
        text=text or refusal or spoken(said),
        tool_calls=calls,
        finish=_finish(finish, refusal, calls),
        model=as_word(whole.get("model")) or endpoint.settings.model,
        usage=usage_of(request, text, calls, _reported(usage)),
        latency_ms=0,
        extra=_extra(said) if calls else {},
        origin=endpoint.origin,
        made=made,
    )


def _finish(reason: str, refusal: str, calls: tuple[ToolCall, ...]) -> Finish:
    if refusal or reason in _REFUSED:
        return "refusal"
    if reason in _LENGTH:
        return "length"
    if reason in _CONTEXT:
        return "context"
    return "tool_calls" if calls else "stop"


def _calls(said: dict[str, Any]) -> tuple[ToolCall, ...]:
    given = said.get("tool_calls")
    found = objects_of([given] if isinstance(given, dict) else given)
    if not found and isinstance(said.get("function_call"), dict):
        found = [{"function": said["function_call"]}]
    named = [(call, _function_of(call)) for call in found]
    return tool_calls(
        (
            as_word(call.get("id")),
            as_word(function.get("name")),
            arguments_of(function.get("arguments")),
            journalable(rest_of(call, _OF_A_CALL)),
        )
        for call, function in named
        if function
    )


def _function_of(call: dict[str, Any]) -> dict[str, Any]:
    """Return the called function, also if it is written in the call itself."""
    flat = {name: call[name] for name in _FLAT if name in call}
    return as_object(call.get("function")) or flat


def _extra(said: dict[str, Any]) -> JsonObject:
    """Return what is sent back with the message; parts other than text keep their positions."""
    extra = rest_of(said, _OF_A_MESSAGE)
    parts = said.get("content")
    if any(part.get("type") not in (None, "text") for part in objects_of(parts)):
        extra["content"] = parts
    return journalable(extra)


def _usage_in(place: dict[str, Any]) -> dict[str, Any]:
    """Return the counts of an answer; Groq and Moonshot have places of their own for streams."""
    return as_object(place.get("usage") or as_object(place.get("x_groq")).get("usage"))


def _reported(usage: dict[str, Any]) -> ReportedTokens:
    asked = as_count(usage.get("prompt_tokens", usage.get("input_tokens")))
    answered = as_count(usage.get("completion_tokens", usage.get("output_tokens")))
    total = as_count(usage.get("total_tokens"))
    if total is not None:
        if asked is None and answered is not None:
            asked = max(0, total - answered)
        elif answered is None and asked is not None:
            answered = max(0, total - asked)
    return ReportedTokens(asked, answered, _cached(usage))


def _cached(usage: dict[str, Any]) -> int | None:
    """Return the number of tokens from the cache, which servers report in one of several places."""
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    places = (
        as_object(details).get("cached_tokens"),
        usage.get("prompt_cache_hit_tokens"),
        usage.get("cached_tokens"),
        usage.get("num_cached_tokens"),
    )
    return next((count for place in places if (count := as_count(place)) is not None), None)


class _Pieces:
    """Puts a message together from its pieces."""

    def __init__(self) -> None:
        self.finish = ""
        self.is_done = self.any_came = False
        self._content: list[Any] = []
        self._refusal: list[str] = []
        self._calls: list[_CallPieces] = []
        self._places: dict[int | None, int] = {}
        self._rest: list[JsonObject] = []

    def take(self, choice: dict[str, Any]) -> None:
        """Add the next piece."""
        self.any_came = True
        delta = as_object(choice.get("delta") or choice.get("message"))
        content = delta.get("content", choice.get("text"))
        said = as_text(content) if isinstance(content, dict) else content or ""
        self._content += content if isinstance(content, list) else [said]
        refusal = delta.get("refusal")
        self._refusal.append(refusal if isinstance(refusal, str) else "")
        for call in objects_of(delta.get("tool_calls")):
            self._take_call(call)
        if isinstance(delta.get("function_call"), dict):
            self._take_call({"index": 0, "function": delta["function_call"]})
        self._rest.append(rest_of(delta, _OF_A_MESSAGE - _MADE))
        self.finish = as_word(choice.get("finish_reason")) or self.finish

    def _take_call(self, piece: dict[str, Any]) -> None:
        """Add a piece of a call; some servers send no index or no id, and each call complete."""
        index, call_id = as_count(piece.get("index")), as_word(piece.get("id"))
        function = _function_of(piece)
        name = as_word(function.get("name"))
        place = self._places.get(index)
        if place is None or self._calls[place].is_another(index, call_id, name):
            place = self._places[index] = len(self._calls)
            self._calls.append(_CallPieces())
        call = self._calls[place]
        call.id, call.name = call.id or call_id, _grown(call.name, name)
        call.arguments.append(arguments_of(function.get("arguments")))
        call.rest.append(rest_of(piece, _OF_A_CALL))

    def message(self) -> dict[str, Any]:
        """Return the complete message."""
        content: Any = _parts(self._content)
        if all(part.get("type") == "text" for part in content):
            content = "".join(part["text"] for part in content)
        calls = [call.whole() for call in self._calls]
        refusal = "".join(self._refusal)
        return {
            **merged(self._rest), "content": content, "refusal": refusal, "tool_calls": calls
        }  # fmt: skip


def _parts(pieces: list[Any]) -> list[dict[str, Any]]:
    """Return the parts of a content that came in pieces; adjacent parts of one kind are joined."""
    given = [{"type": "text", "text": item} if isinstance(item, str) else item for item in pieces]
    there = [part for part in given if isinstance(part, dict) and part.get("text") != ""]
    parts: list[dict[str, Any]] = []
    for kind, group in groupby(there, key=lambda part: str(part.get("type"))):
        run = list(group)
        if kind == "text":
            texts = [
                part["text"] if isinstance(part.get("text"), str) else as_text(part) for part in run
            ]
            parts.append({**run[-1], "text": "".join(texts)})
        elif kind == "thinking":
            written = [part.get("thinking") for part in run]
            thoughts = [
                one for some in written for one in (some if isinstance(some, list) else [some])
            ]
            parts.append({**run[-1], "thinking": _parts(thoughts)})
        else:
            parts += run
    return parts


def _grown(name: str, piece: str) -> str:
    """Return a name with its next piece; some servers send the whole name with each piece."""
    return piece if piece.startswith(name) else name if name.startswith(piece) else name + piece


def _is_whole(arguments: str) -> bool:
    try:
        return isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        return False


@dataclass(slots=True)
class _CallPieces:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    rest: list[JsonObject] = field(default_factory=list)

    def is_another(self, index: int | None, call_id: str, name: str) -> bool:
        """Return whether a piece with the same index begins another call."""
        if call_id and self.id:
            return call_id != self.id
        if not (name and self.name):
            return False
        return not call_id if index is None else _is_whole("".join(self.arguments))

    def whole(self) -> dict[str, Any]:
        function = {"name": self.name, "arguments": "".join(self.arguments)}
        return {**merged(self.rest), "id": self.id, "function": function}


async def _gathered(endpoint: Endpoint, response: httpx2.Response) -> dict[str, Any]:
    """Put a document together from its pieces. Raises what `read` raises."""
    pieces = _Pieces()
    whole: dict[str, Any] = {}
    try:
        async for event in _until_done(response, pieces):
            if event.get("model"):
                whole["model"] = event["model"]
            choices = objects_of(event.get("choices"))
            for place in (*choices, event):
                whole["usage"] = _usage_in(place) or whole.get("usage")
            for choice in choices:
                if choice.get("error"):
                    raise ProviderError(choice, response)
                if not as_count(choice.get("index")):
                    pieces.take(choice)
                    endpoint.on_text(as_text(as_object(choice.get("delta")).get("content")))
    except httpx2.TransportError:
        # The answer is complete once the reason to stop has come.
        if not pieces.finish:
            raise
    if not pieces.finish and not pieces.is_done:
        raise cut_short()
    choice = {"message": pieces.message(), "finish_reason": pieces.finish}
    return {**whole, "choices": [choice] if pieces.any_came else []}


async def _until_done(response: httpx2.Response, pieces: _Pieces) -> AsyncIterator[dict[str, Any]]:
    async for event in events(response):
        if event is None:
            pieces.is_done = True
        else:
            yield event
