"""A real HTTP server with prepared answers, which records the requests it gets."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Got:
    """One received request; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Gives:
    """One prepared answer."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"


class Trap:
    """Answers each path with its entry in `answers`, or else with 200."""

    def __init__(
        self,
        answers: dict[str, Gives] | Callable[[Got], Gives] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.got: list[Got] = []
        self.answers = answers or {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except ConnectionError:
                    self.close_connection = True

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                if self.headers.get("transfer-encoding") == "chunked":
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                headers = {name.lower(): value for name, value in self.headers.items()}
                got = Got(self.command, self.path, headers, body)
                outer.got.append(got)
                known = outer.answers
                gives = known(got) if callable(known) else known.get(got.path, Gives())
                self.send_response(gives.status)
                for name, value in {"content-type": "application/json", **gives.headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(gives.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(gives.body)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer((host, port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.address = f"http://{host}:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
