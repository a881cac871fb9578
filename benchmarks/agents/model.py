"""A scripted model on a real socket that counts the questions it gets."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from benchmarks.agents.tasks import message, said

_BYTES_A_TOKEN = 4


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class Model:
    """A context manager that answers while it is entered.

    Attributes:
        asked: The messages of each question, in order.
        tokens: The approximate number of tokens of all questions.
        held_at: The question whose answer is held until `released` is set.
    """

    def __init__(self) -> None:
        self.asked: list[list[Any]] = []
        self.tokens = 0
        self._lock = threading.Lock()
        self.held_at: int | None = None
        self.released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                answer = json.dumps(outer.answer(body)).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Listener(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign] # who is killed
        self.address = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def forget(self) -> None:
        """Reset the counts."""
        with self._lock:
            self.asked, self.tokens = [], 0

    def answer(self, body: Any) -> dict[str, Any]:
        """Return the answer to one question."""
        told = json.dumps([body["messages"], body.get("tools", [])])
        tokens = len(told) // _BYTES_A_TOKEN
        with self._lock:
            self.asked.append(body["messages"])
            self.tokens += tokens
            is_held = len(self.asked) == self.held_at
        if is_held:
            self.released.wait()
        made = message(body, said(body))
        ends = "tool_calls" if "tool_calls" in made else "stop"
        choice = {"index": 0, "message": made, "finish_reason": ends}
        usage = {"prompt_tokens": tokens, "completion_tokens": 10, "total_tokens": tokens + 10}
        return {"id": "c", "object": "chat.completion", "created": 1, "model": "script",
                "choices": [choice], "usage": usage}  # fmt: skip
