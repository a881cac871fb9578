"""A real HTTP server for webhooks: it checks signatures, and can fail, be slow or be down."""

import base64
import hashlib
import hmac
import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.harness.server import free_port


@dataclass(frozen=True)
class Post:
    """One request, whether its signature was valid, and the status of the answer."""

    id: str
    body: bytes
    signed: bool
    status: int

    @property
    def data(self) -> Any:
        return json.loads(self.body)["data"]

    @property
    def type(self) -> str:
        return str(json.loads(self.body)["type"])


class Receiver:
    """Records every request. `judge` returns the status; it may sleep."""

    def __init__(self, judge: Callable[[Any], int] = lambda _: 200) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}/hook"
        self.secret = "whsec_" + base64.b64encode(bytes(range(32))).decode()
        self.posts: list[Post] = []
        self.lock = threading.Lock()
        self.judge = judge
        self.server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def open(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                status = outer.judge(json.loads(body))
                post = Post(
                    self.headers["webhook-id"], body, outer.is_signed(self.headers, body), status
                )
                with outer.lock:
                    outer.posts.append(post)
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that disconnects is expected
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Stop listening: connections are refused from now on."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def is_signed(self, headers: Any, body: bytes) -> bool:
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        recent = abs(time.time() - int(headers["webhook-timestamp"])) < 300
        return recent and f"v1,{expected}" in headers["webhook-signature"].split(" ")

    def received(self) -> list[Post]:
        """Return the requests that were answered with 200, in order."""
        with self.lock:
            return [post for post in self.posts if post.status == 200]


def moody(chance: random.Random) -> Callable[[Any], int]:
    """Fail a third of the requests, and delay a tenth."""
    lock = threading.Lock()

    def judge(_: Any) -> int:
        with lock:
            fails, slow = chance.random() < 0.33, chance.random() < 0.1
        if slow:
            time.sleep(0.3)
        return 500 if fails else 200

    return judge
