"""A real HTTP server that returns each request in the body and a header of its answer."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class Echo:
    """Answers with the request as JSON; a path such as `/500` sets the status."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.came_s: list[float] = []
        """The time of each request."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = [(name.lower(), value) for name, value in self.headers.items()]
                seen = {
                    "path": self.path,
                    "body": body.decode("utf-8", "replace"),
                    "headers": dict(reversed(headers)),  # what a step sets comes first
                }
                outer.seen.append(seen)
                outer.came_s.append(time.monotonic())
                answer = json.dumps(seen).encode()
                self.send_response(int(self.path.split("?")[0].strip("/") or 200))
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.send_header("x-echo", self.headers.get("authorization", ""))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}"

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
