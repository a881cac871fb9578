"""Servers that speak variants of OpenAI's format: Mistral's API, Ollama, vLLM.

Their refusals and answers follow the public documentation and source of each:

    with ModelServer(MISTRAL.speaks(Said(calls=[...]), Said("done"))) as server:
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.harness.model_server import Reply, Request

STREAM = {"content-type": "text/event-stream"}
INPUT_TOKENS, OUTPUT_TOKENS, CACHED_TOKENS = 40, 9, 30


@dataclass(frozen=True)
class Said:
    """What a model says: thoughts, text, calls (name and arguments as text)."""

    text: str = ""
    calls: Sequence[tuple[str, str]] = ()
    thought: str = ""


@dataclass(frozen=True)
class Dialect:
    """One kind of server.

    Attributes:
        wrong: Returns the status and body that refuse a request; None if it is valid.
        whole: Returns the message of an answer.
        deltas: Returns the same message in pieces.
        usage: Returns the token counts.
        thoughts: Returns the thoughts of a message that is sent back.
    """

    name: str
    wrong: Callable[[Any], "tuple[int, Any] | None"]
    whole: Callable[[Said, int], dict[str, Any]]
    deltas: Callable[[Said, int], Iterator[dict[str, Any]]]
    usage: Mapping[str, Any]
    thoughts: Callable[[Any], Any]

    def speaks(self, *said: Said) -> Callable[[Request], Reply]:
        """Return a function that answers with these in turn, and repeats the last."""

        def answer(request: Request) -> Reply:
            messages = request.body["messages"]
            had = sum(message["role"] == "assistant" for message in messages)
            number = min(had, len(said) - 1)
            return self._reply(said[number], number)(request)

        return answer

    def _reply(self, said: Said, number: int) -> Callable[[Request], Reply]:
        def answer(request: Request) -> Reply:
            if (wrong := self.wrong(request.body)) is not None:
                return Reply(status=wrong[0], raw=json.dumps(wrong[1]).encode())
            reported = {"id": f"cmpl-{number}", "created": 1, "model": request.body["model"]}
            finish = "tool_calls" if said.calls else "stop"
            if not request.body.get("stream"):
                choice = {"index": 0, "message": self.whole(said, number), "finish_reason": finish}
                whole = {**reported, "object": "chat.completion", "choices": [choice], "usage": self.usage}  # fmt: skip
                return Reply(raw=json.dumps(whole).encode())
            reported["object"] = "chat.completion.chunk"
            chunks = [
                {**reported, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
                for delta in self.deltas(said, number)
            ]
            chunks[-1]["choices"][0]["finish_reason"] = finish
            if self.name == "mistral":
                chunks[-1]["usage"] = self.usage
            elif (request.body.get("stream_options") or {}).get("include_usage"):
                chunks.append({**reported, "choices": [], "usage": self.usage})
            lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
            return Reply(raw="".join([*lines, "data: [DONE]\n\n"]).encode(), headers=STREAM)

        return answer


def _refused(message: str, kind: str, code: Any = None) -> tuple[int, Any]:
    return 400, {"object": "error", "message": message, "type": kind, "param": None, "code": code}


# Mistral's API: unknown keys are refused, ids are nine letters or digits, each call needs a result.
_MISTRAL_KEYS = frozenset(
    {"model", "messages", "temperature", "top_p", "max_tokens", "stream", "stop", "random_seed",
     "response_format", "tools", "tool_choice", "presence_penalty", "frequency_penalty", "n",
     "parallel_tool_calls", "prompt_mode", "reasoning_effort"}
)  # fmt: skip


def _mistral_wrong(body: Any) -> "tuple[int, Any] | None":
    for key in body.keys() - _MISTRAL_KEYS:
        detail = {"type": "extra_forbidden", "loc": ["body", key], "msg": "Extra inputs are not permitted", "input": body[key]}  # fmt: skip
        reported = {
            "object": "error",
            "message": {"detail": [detail]},
            "type": "invalid_request_error",
        }
        return 422, {**reported, "param": None, "code": None}
    open_ids: list[str] = []
    for message in body["messages"]:
        if message["role"] != "tool" and open_ids:
            return _refused("Not the same number of function calls and responses", "invalid_request_error")  # fmt: skip
        content = message.get("content")
        if not isinstance(content, str) and not all(isinstance(part, dict) for part in content):
            return _refused("Input should be a valid dictionary", "invalid_request_error")
        if message["role"] == "tool":
            open_ids.remove(message["tool_call_id"])
        for call in message.get("tool_calls", ()):
            if not re.fullmatch("[a-zA-Z0-9]{9}", call["id"]):
                why = f"Tool call id was {call['id']} but must be a-z, A-Z, 0-9, with a length of 9."  # fmt: skip
                return _refused(why, "invalid_function_call", "3280")
            open_ids.append(call["id"])
    return None


def _thinking(thought: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": thought}]}


def _mistral_calls(said: Said, number: int) -> list[dict[str, Any]]:
    return [
        {"id": f"aB3dE{number:02}{at:02}", "index": at, "function": {"name": name, "arguments": given}}
        for at, (name, given) in enumerate(said.calls)
    ]  # fmt: skip


def _mistral_whole(said: Said, number: int) -> dict[str, Any]:
    thoughts = [_thinking(said.thought), {"type": "text", "text": said.text}]
    content: Any = thoughts if said.thought else said.text
    return {"role": "assistant", "content": content, "prefix": False, "tool_calls": _mistral_calls(said, number) or None}  # fmt: skip


def _mistral_deltas(said: Said, number: int) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    for piece in _in_two(said.thought):
        yield {"content": [_thinking(piece)]}
    for piece in _in_two(said.text):
        yield {"content": piece}
    yield {"content": "", **({"tool_calls": _mistral_calls(said, number)} if said.calls else {})}


# Ollama: arguments that are sent back must be JSON objects; a call comes in one piece.
def _ollama_wrong(body: Any) -> "tuple[int, Any] | None":
    for message in body["messages"]:
        for call in message.get("tool_calls", ()):
            if not _is_object(call["function"]["arguments"]):
                reported = {
                    "message": "invalid tool call arguments",
                    "type": "invalid_request_error",
                }
                return 400, {"error": {**reported, "param": None, "code": None}}
    return None


def _ollama_calls(said: Said, number: int) -> list[dict[str, Any]]:
    return [
        {"id": f"call_{number}x{at}", "index": at, "type": "function",
         "function": {"name": name, "arguments": given}}
        for at, (name, given) in enumerate(said.calls)
    ]  # fmt: skip


def _ollama_whole(said: Said, number: int) -> dict[str, Any]:
    calls = {"tool_calls": _ollama_calls(said, number)} if said.calls else {}
    thought = {"reasoning": said.thought} if said.thought else {}
    return {"role": "assistant", "content": said.text, **thought, **calls}


def _ollama_deltas(said: Said, number: int) -> Iterator[dict[str, Any]]:
    for piece in _in_two(said.thought):
        yield {"role": "assistant", "content": "", "reasoning": piece}
    for piece in _in_two(said.text):
        yield {"role": "assistant", "content": piece}
    for call in _ollama_calls(said, number):
        yield {"role": "assistant", "content": "", "tool_calls": [{**call, "index": 0}]}
    yield {"role": "assistant", "content": ""}


# vLLM: arguments that are sent back are parsed as JSON; thoughts are under one of two names.
def _vllm_wrong(body: Any) -> "tuple[int, Any] | None":
    for message in body["messages"]:
        for call in message.get("tool_calls", ()):
            try:
                json.loads(call["function"]["arguments"])
            except ValueError as odd:
                reported = {
                    "message": str(odd),
                    "type": "BadRequestError",
                    "param": None,
                    "code": 400,
                }
                return 400, {"error": reported}
    return None


def _vllm_whole(said: Said, number: int) -> dict[str, Any]:
    calls = [
        {"id": f"chatcmpl-tool-{number}{at}", "type": "function",
         "function": {"name": name, "arguments": given}}
        for at, (name, given) in enumerate(said.calls)
    ]  # fmt: skip
    return {"role": "assistant", "content": said.text or None, "refusal": None, "annotations": None,
            "audio": None, "function_call": None, "tool_calls": calls,
            "reasoning": said.thought or None, "reasoning_content": said.thought or None}  # fmt: skip


def _vllm_deltas(said: Said, number: int) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    for piece in _in_two(said.thought):
        yield {"reasoning": piece, "reasoning_content": piece}
    for piece in _in_two(said.text):
        yield {"content": piece}
    for at, (name, given) in enumerate(said.calls):
        call_id = f"chatcmpl-tool-{number}{at}"
        yield {"tool_calls": [{"id": call_id, "type": "function", "index": at, "function": {"name": name}}]}  # fmt: skip
        for piece in _in_two(given):
            yield {"tool_calls": [{"index": at, "function": {"arguments": piece}}]}
    yield {"content": ""}


def _in_two(text: str) -> list[str]:
    middle = len(text) // 2
    return [piece for piece in (text[:middle], text[middle:]) if piece]


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


_COUNTS = {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS,
           "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS}  # fmt: skip
MISTRAL = Dialect(
    "mistral", _mistral_wrong, _mistral_whole, _mistral_deltas,
    {**_COUNTS, "num_cached_tokens": CACHED_TOKENS},
    lambda message: message["content"][0]["thinking"][0]["text"],
)  # fmt: skip
OLLAMA = Dialect("ollama", _ollama_wrong, _ollama_whole, _ollama_deltas, _COUNTS,
                 lambda message: message["reasoning"])  # fmt: skip
VLLM = Dialect(
    "vllm", _vllm_wrong, _vllm_whole, _vllm_deltas,
    {**_COUNTS, "prompt_tokens_details": {"cached_tokens": CACHED_TOKENS}},
    lambda message: message["reasoning_content"],
)  # fmt: skip
DIALECTS = (MISTRAL, OLLAMA, VLLM)
