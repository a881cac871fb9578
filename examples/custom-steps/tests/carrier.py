"""A carrier over real HTTP that books each idempotency key once."""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class _Quiet(ThreadingHTTPServer):
    """A server that ignores disconnecting clients."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass


class Carrier:
    """Returns a tracking number for each idempotency key, the same for a repeated key.

    Attributes:
        requests: The number of requests for each key.
        refuse: The number of requests still to be answered with 503.
    """

    def __init__(self, delay_s: float = 0) -> None:
        self.requests: Counter[str] = Counter()
        self.numbers: dict[str, str] = {}
        self.refuse = 0
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", 0))
                parcel = json.loads(self.rfile.read(length))
                key = self.headers["idempotency-key"]
                with lock:
                    outer.requests[key] += 1
                    refused = outer.refuse > 0
                    outer.refuse -= refused
                    if not refused:
                        number = f"{parcel['address']}-{len(outer.numbers) + 1}"
                        outer.numbers.setdefault(key, number)
                time.sleep(delay_s)
                answer = json.dumps({"tracking": outer.numbers.get(key, "")}).encode()
                self.send_response(503 if refused else 200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = _Quiet(("127.0.0.1", 0), Handler)
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
