"""A real HTTP server that speaks OpenAI's chat completions and Anthropic's messages.

It answers as a test specifies, whole or as a stream, and keeps every request:

    with ModelServer(Reply("Paris")) as server:      # always the same
    with ModelServer(first, second) as server:       # in turn; then the last one
    with ModelServer(lambda request: Reply(...)) as server:

`server.openai` and `server.anthropic` are base URLs for a model's `baseUrl`.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self


@dataclass(frozen=True)
class Reply:
    """One answer.

    Attributes:
        tool_calls: (name, arguments); arguments given as text are sent unchanged.
        status: Other than 200: an error in the provider's format, with `text` as its message.
        raw: Sent in place of the body.
        delay_s: Seconds before the answer begins.
        breaks_off: The stream ends in the middle.
        stream_error: The stream contains an error of this type instead of an answer.
        held: The stream is slow from its middle on, until this is set.
    """

    text: str = ""
    tool_calls: Sequence[tuple[str, Mapping[str, Any] | str]] = ()
    finish: Literal["stop", "length", "refusal"] = "stop"
    input_tokens: int = 11
    output_tokens: int = 7
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    delay_s: float = 0
    breaks_off: bool = False
    stream_error: str | None = None
    held: threading.Event | None = None


@dataclass(frozen=True)
class Request:
    """One request as received.

    Attributes:
        headers: By lower-case name; `x-connection` identifies the connection.
    """

    number: int
    wire: Literal["openai", "anthropic", "embeddings"]
    headers: Mapping[str, str]
    body: Any

    @property
    def asked(self) -> str:
        """The whole text of the last message."""
        content = self.body["messages"][-1]["content"]
        if isinstance(content, str):
            return content
        return "\n".join(part["text"] for part in content if part["type"] == "text")


Answer = Callable[[Request], Reply]


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512  # many steps may send a request at once


class ModelServer:
    """Serves on its own address while it is entered."""

    def __init__(self, *answers: Reply | Answer) -> None:
        self.requests: list[Request] = []
        self.lock = threading.Lock()
        self.vector_of: Callable[[str], Sequence[float]] = lambda text: (len(text), 1)
        self._answers = answers or (Reply("hello"),)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else every answer waits 40 ms for an ACK

            def do_POST(self) -> None:
                outer.handle(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = _Listener(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that disconnects is expected
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.openai = f"{self.address}/v1"
        self.anthropic = self.address

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.server.shutdown()
        self.server.server_close()

    def embeddings(self, body: Any) -> dict[str, Any]:
        """Return the embeddings of texts by `vector_of`, in reverse order; four tokens each."""
        texts = body["input"]
        data = [
            {"object": "embedding", "index": index, "embedding": [*self.vector_of(texts[index])]}
            for index in reversed(range(len(texts)))
        ]
        tokens = 4 * len(texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": body["model"], "usage": usage}

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        length = int(handler.headers.get("content-length") or 0)
        body = json.loads(handler.rfile.read(length))
        if handler.path == "/v1/chat/completions":
            wire: Literal["openai", "anthropic", "embeddings"] = "openai"
        elif handler.path == "/v1/messages":
            wire = "anthropic"
        elif handler.path == "/v1/embeddings":
            wire = "embeddings"
        else:
            _send(handler, 404, {}, b'{"error": {"message": "no such path"}}')
            return
        headers = {name.lower(): value for name, value in handler.headers.items()}
        headers["x-connection"] = str(handler.client_address[1])
        with self.lock:
            request = Request(len(self.requests) + 1, wire, headers, body)
            self.requests.append(request)
        if wire == "embeddings":
            _send(handler, 200, {}, json.dumps(self.embeddings(body)).encode())
            return
        answer = self._answers[min(request.number, len(self._answers)) - 1]
        reply = answer if isinstance(answer, Reply) else answer(request)
        time.sleep(reply.delay_s)
        if reply.raw is not None:
            _send(handler, reply.status, reply.headers, reply.raw)
        elif reply.status != 200:
            _send(handler, reply.status, reply.headers, json.dumps(_error(reply)).encode())
        elif body.get("stream"):
            _send_stream(handler, _events(request, reply))
        else:
            whole = _completion(request, reply) if wire == "openai" else _message(request, reply)
            _send(handler, 200, reply.headers, json.dumps(whole).encode())


def _send(
    handler: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    handler.send_response(status)
    for name, value in {"content-type": "application/json", **headers}.items():
        handler.send_header(name, value)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _send_stream(handler: BaseHTTPRequestHandler, events: Iterator[str]) -> None:
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    for event in events:
        data = event.encode()
        handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        handler.wfile.flush()
    handler.wfile.write(b"0\r\n\r\n")


def _error(reply: Reply) -> dict[str, Any]:
    kind = {429: "rate_limit_error", 529: "overloaded_error", 401: "authentication_error"}
    reported = {"type": kind.get(reply.status, "api_error"), "message": reply.text or "no"}
    return {"type": "error", "error": reported}


def _calls(reply: Reply) -> list[tuple[str, str, str]]:
    """Return (id, name, text of the arguments) of every call."""
    return [
        (f"call_{n}", name, given if isinstance(given, str) else json.dumps(given))
        for n, (name, given) in enumerate(reply.tool_calls)
    ]


def _completion(request: Request, reply: Reply) -> dict[str, Any]:
    calls = [
        {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
        for call_id, name, arguments in _calls(reply)
    ]
    refused = reply.finish == "refusal"
    message = {
        "role": "assistant",
        "content": None if refused or calls else reply.text,
        "refusal": reply.text if refused else None,
        **({"tool_calls": calls} if calls else {}),
    }
    choice = {"index": 0, "message": message, "finish_reason": _openai_finish(reply)}
    return {"id": "c", "object": "chat.completion", "created": 1, "choices": [choice],
            "model": request.body["model"] + "-2026", "usage": _openai_usage(reply)}  # fmt: skip


def _openai_finish(reply: Reply) -> str:
    if reply.finish == "length":
        return "length"
    return "tool_calls" if reply.tool_calls else "stop"


def _openai_usage(reply: Reply) -> dict[str, int]:
    total = reply.input_tokens + reply.output_tokens
    return {"prompt_tokens": reply.input_tokens, "completion_tokens": reply.output_tokens,
            "total_tokens": total}  # fmt: skip


def _message(request: Request, reply: Reply) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = [{"type": "text", "text": reply.text}] if reply.text else []
    for call_id, name, arguments in _calls(reply):
        given = json.loads(arguments) if arguments.startswith("{") else arguments
        blocks.append({"type": "tool_use", "id": call_id, "name": name, "input": given})
    return {"id": "m", "type": "message", "role": "assistant", "content": blocks,
            "model": request.body["model"] + "-2026", "stop_reason": _anthropic_stop(reply),
            "stop_sequence": None,
            "usage": {"input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens}}  # fmt: skip


def _anthropic_stop(reply: Reply) -> str:
    if reply.finish == "stop":
        return "tool_use" if reply.tool_calls else "end_turn"
    return {"length": "max_tokens", "refusal": "refusal"}[reply.finish]


def _pieces(text: str) -> list[str]:
    return [text[at : at + 5] for at in range(0, len(text), 5)]


def _events(request: Request, reply: Reply) -> Iterator[str]:
    made = _openai_events if request.wire == "openai" else _anthropic_events
    events = list(made(request, reply))
    middle = len(events) // 2
    yield from events[:middle]
    for event in () if reply.breaks_off else events[middle:]:
        if reply.held is not None:
            reply.held.wait(0.1)
        yield event


def _openai_events(request: Request, reply: Reply) -> Iterator[str]:
    def chunk(delta: Mapping[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return event({"choices": [choice]})

    def event(more: Mapping[str, Any]) -> str:
        whole = {"id": "c", "object": "chat.completion.chunk", "created": 1,
                 "model": request.body["model"] + "-2026", **more}  # fmt: skip
        return f"data: {json.dumps(whole)}\n\n"

    if reply.stream_error:
        yield event({"error": {"type": reply.stream_error, "message": reply.text}})
        return
    yield chunk({"role": "assistant", "content": ""})
    for piece in _pieces(reply.text):
        yield chunk({"refusal" if reply.finish == "refusal" else "content": piece})
    for index, (call_id, name, arguments) in enumerate(_calls(reply)):
        yield chunk({"tool_calls": [{"index": index, "id": call_id, "type": "function",
                                     "function": {"name": name, "arguments": ""}}]})  # fmt: skip
        for piece in _pieces(arguments):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, _openai_finish(reply))
    yield event({"choices": [], "usage": _openai_usage(reply)})
    yield "data: [DONE]\n\n"


def _anthropic_events(request: Request, reply: Reply) -> Iterator[str]:
    def event(kind: str, **more: Any) -> str:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n"

    if reply.stream_error:
        yield event("error", error={"type": reply.stream_error, "message": reply.text})
        return
    begun = {**_message(request, Reply(input_tokens=reply.input_tokens, output_tokens=1)),
             "stop_reason": None}  # fmt: skip
    yield event("message_start", message=begun)
    index = 0
    if reply.text:
        yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        for piece in _pieces(reply.text):
            yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
        yield event("content_block_stop", index=0)
        index = 1
    for number, (call_id, name, arguments) in enumerate(_calls(reply), index):
        block = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
        yield event("content_block_start", index=number, content_block=block)
        for piece in _pieces(arguments):
            delta = {"type": "input_json_delta", "partial_json": piece}
            yield event("content_block_delta", index=number, delta=delta)
        yield event("content_block_stop", index=number)
    yield event("message_delta", delta={"stop_reason": _anthropic_stop(reply)},
                usage={"output_tokens": reply.output_tokens})  # fmt: skip
    yield event("message_stop")
