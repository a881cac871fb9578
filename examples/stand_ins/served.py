"""A server in its own thread, on a free port."""

import json
import socketserver
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class Served:
    """Serves while it is entered."""

    def __init__(self, server: socketserver.TCPServer) -> None:
        self._server = server
        self.port = int(server.server_address[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class HttpListener(ThreadingHTTPServer):
    """An HTTP server that does not wait for open connections when it ends."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


class JsonHandler(BaseHTTPRequestHandler):
    """Answers in JSON and logs nothing."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every answer waits 40 ms for an ACK

    def answer(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        """Send one JSON answer."""
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing: the output of the examples is for people."""
