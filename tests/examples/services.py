"""An HTTP server that stands in for all services that the patterns call.

Requests that are *held* get no answer until `release`, so that a kill -9 interrupts the step that
sent them. Until then no callback address is used either.
"""

import hmac
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx

ORDERS = "sku;pieces;state\nA;3;paid\nB;1;paid\nC;9;open\nA;2;paid\n"
SECRET = "of-the-shop"
CUSTOMERS = {"1": ["Ann", "Ben"], "2": ["Cem", "Dan"], "3": ["Eve"]}
PRICES = {"north": 9, "south": 7}

Answer = tuple[int, Mapping[str, str], bytes]


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512  # all patterns send requests at once


class Services:
    """Records `requests`: method and path, with the idempotency key of each."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.holding: set[str] = set()
        self.requests: list[tuple[str, str]] = []
        self.bodies: dict[str, bytes] = {}
        self._released = threading.Event()
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._handle(self)

            def do_POST(self) -> None:
                outer._handle(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Listener(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that goes away is no news
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def release(self) -> None:
        """Answer all requests from now on."""
        self._released.set()

    def visits(self, request: str) -> int:
        """Return the number of visits that sent this request, regardless of their attempts."""
        with self._lock:
            return len({key for name, key in self.requests if name == request})

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        name = f"{handler.command} {handler.path}"
        key = handler.headers.get("idempotency-key", "")
        if name in self.held and not self._released.is_set():
            self.holding.add(name)
            self._released.wait(60)
            return
        with self._lock:
            self.requests.append((name, key))
            self.bodies[name] = body
            count = Counter(self.requests)[name, key]
        status, headers, answer = self._answer(handler.path, body, count, self.visits(name))
        signed = f"sha256={hmac.digest(SECRET.encode(), body, 'sha256').hex()}"
        if handler.path.startswith("/hooks/") and handler.headers.get("x-signature") != signed:
            status = 401
        handler.send_response(status)
        for header, value in {"content-length": str(len(answer)), **headers}.items():
            handler.send_header(header, value)
        handler.end_headers()
        handler.wfile.write(answer)

    def _answer(self, address: str, body: bytes, attempt: int, visit: int) -> Answer:
        """Return the answer of a path; attempts of one visit differ by their number."""
        parts = urlsplit(address)
        _, kind, *rest = parts.path.split("/")
        given = json.loads(body) if body[:1] == b"{" else {}
        if kind == "files":
            return 200, {"content-type": "application/octet-stream"}, rest[0].encode() * 200
        if parts.path == "/orders.csv":
            return 200, {"content-type": "text/csv"}, ORDERS.encode()
        if refused := _refused(parts.path, given, attempt):
            status, headers = refused
            return status, headers, b'{"error": "no"}'
        if kind == "order-with-callback":
            threading.Thread(target=self._call_back, args=(given,), daemon=True).start()
        reported = _told(kind, rest, parse_qs(parts.query), given, visit)
        return 200, {"content-type": "application/json"}, json.dumps(reported).encode()

    def _call_back(self, given: Mapping[str, Any]) -> None:
        """Send the ordered callback repeatedly until it is accepted."""
        self._released.wait(60)
        for _ in range(600):
            try:
                reported = {"parcel": f"parcel-{given['item']}"}
                httpx.post(given["tell"], json=reported).raise_for_status()
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return


def _refused(
    path: str, given: Mapping[str, Any], attempt: int
) -> tuple[int, Mapping[str, str]] | None:
    if path == "/limited" and attempt == 1:
        return 429, {"retry-after": "1"}
    wrong = {
        "/retail/wrong": 422,
        "/retail/busy": 503 if attempt < 3 else 0,
        "/addresses": 404 if given.get("address") == "nowhere" else 0,
        "/messages": 503 if given.get("poison") else 0,
        "/prices": 500 if given.get("sku") == "broken" else 0,
        "/cars": 409 if given.get("trip") == "rome" else 0,
        "/suppliers/west": 500,
        "/drawings": 422 if given.get("report") == "odd" else 0,
    }
    status = wrong.get(path, 0)
    return (status, {}) if status else None


def _told(
    kind: str,
    rest: list[str],
    query: Mapping[str, list[str]],
    given: Mapping[str, Any],
    visit: int,
) -> Mapping[str, Any]:
    match kind:
        case "customers":
            page = query["page"][0]
            following = str(int(page) + 1)
            rows = [{"name": name} for name in CUSTOMERS[page]]
            more = f"/customers?page={following}" if following in CUSTOMERS else None
            return {"rows": rows, "next": more}
        case "jobs" if rest:
            return {"state": "running"} if visit < 3 else {"state": "done", "pages": 12}
        case "jobs":
            return {"id": "j-1"}
        case "improve":
            return {"score": given["score"] + 10}
        case "suppliers":
            return {"price": PRICES[rest[0]]}
        case "bulk":
            return {"taken": len(given["rows"])}
        case "limited":
            return {"number": len(given["name"])}
        case _:
            fixed = {"price": 40, "weather": "sun", "orders": 31, "ok": True}
            return {**fixed, "id": f"{kind}-{given.get('trip', 1)}"}
