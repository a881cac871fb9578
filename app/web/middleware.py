"""The frame around every request: request id, security headers, one line in the log."""

import asyncio
import re
import secrets
from itertools import count

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.telemetry import log
from app.telemetry.counters import Counters
from app.web.connections import Connection
from app.web.errors import error_response, is_known, log_if_unknown
from app.wire.parsing.arrived_body import CONNECTION
from app.wire.parsing.errors import BadRequest, ServerStops
from app.wire.parsing.fields import fields_of

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_SAFE_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_LINKS = ("/answer/", "/callback/", "/form/", "/in/", "/invitation/", "/sign-in/")
"""Prefixes of addresses whose remainder is a credential, so it is not logged."""

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (
        b"content-security-policy",
        (
            b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; "
            b"base-uri 'none'; form-action 'none'"
        ),
    ),
    (b"cache-control", b"no-store"),
)
"""Headers of each answer, unless it sets its own."""

_NAMES = frozenset(name for name, _ in _HEADERS)

_JSON_LINES = b"".join(
    b"%b: %b\r\n" % field
    for field in ((b"content-type", b"application/json"), *_HEADERS, (b"x-request-id", b"%b"))
)
"""The header fields of a JSON answer as they are sent, with a place for the request's id."""

_ABSOLUTE = re.compile(
    r"https?://(?:[^/?#\[\]]+|\[[0-9a-f:.]+\](?::\d*)?)(?=[/?#]|\Z)", re.IGNORECASE
)


class RequestFrame:
    """Gives each request an id and each answer its headers; counts requests."""

    def __init__(self, app: ASGIApp, counters: Counters) -> None:
        self._app = app
        self._counters = counters
        self._process = secrets.token_hex(8)
        self._numbers = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if not scope["path"].startswith("/"):
            _take_absolute_form(scope)
        fields = fields_of(scope)
        asked = fields.get("x-request-id")
        if asked is not None and _SAFE_ID.fullmatch(asked):
            request_id = asked
        else:
            request_id = f"{self._process}-{next(self._numbers)}"
        scope["stepwell.request_id"] = request_id

        # Two parsers could disagree on where such a body ends (RFC 9112, section 6.3).
        has_two_lengths = "transfer-encoding" in fields and "content-length" in fields
        app = _refused if has_two_lengths else self._app
        framed = _Framed(scope, send, request_id, self._counters)

        self._counters.in_flight += 1
        try:
            await app(scope, receive, framed)
        except asyncio.CancelledError:
            if not framed.has_begun:
                await error_response(ServerStops(), request_id)(scope, receive, framed)
        except Exception as failure:  # noqa: BLE001 - it is logged and answered here
            log_if_unknown(request_id, failure)
            if framed.has_begun:
                _break_off(scope, request_id, failure)
            else:
                await error_response(failure, request_id)(scope, receive, framed)
        finally:
            self._counters.in_flight -= 1


class _Framed:
    """Sends one answer, with the headers of every answer; logs and counts it."""

    __slots__ = ("_counters", "_request_id", "_scope", "_send", "has_begun")

    def __init__(self, scope: Scope, send: Send, request_id: str, counters: Counters) -> None:
        self._scope, self._send, self._request_id = scope, send, request_id
        self._counters = counters
        self.has_begun = False

    def send_json(self, status: int, body: bytes) -> bool:
        """Send a JSON answer in one piece; return False if the server cannot do that now."""
        connection: Connection | None = self._scope.get(CONNECTION)
        lines = _JSON_LINES % self._request_id.encode()
        if connection is None or not connection.answer(self._scope, status, lines, body):
            return False
        self.has_begun = True
        self._note(status)
        return True

    async def __call__(self, message: Message) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            self.has_begun = True
            given = message["headers"]
            headers = [*given, *_HEADERS]
            if not _NAMES.isdisjoint(dict(given)):
                names = {name for name, _ in given}
                headers = [*given, *(one for one in _HEADERS if one[0] not in names)]
            headers.append((b"x-request-id", self._request_id.encode()))
            message = {**message, "headers": headers}
            self._note(message["status"])
        await self._send(message)

    def _note(self, status: int) -> None:
        method: str = self._scope["method"]
        path: str = self._scope["path"]
        if path.startswith(_LINKS):
            path = next(link for link in _LINKS if path.startswith(link))
        log.request_served(method, path, status, self._request_id)
        self._counters.requests[method if method in _METHODS else "other", status] += 1


def _break_off(scope: Scope, request_id: str, failure: Exception) -> None:
    """End an answer of which a part has been sent, so that its reader sees that more is missing."""
    if isinstance(failure, ClientDisconnect):
        return
    connection: Connection | None = scope.get(CONNECTION)
    if connection is None:
        raise failure  # another server ends the connection when its application fails
    if is_known(failure) and not connection.is_closing:
        log.answer_broken_off(request_id, failure)
    connection.break_off()


async def _refused(scope: Scope, receive: Receive, send: Send) -> None:
    message = "send Content-Length or Transfer-Encoding, not both"
    answer = error_response(BadRequest(message), scope["stepwell.request_id"])
    answer.headers["Connection"] = "close"  # what follows may be a smuggled request
    await answer(scope, receive, send)


def _take_absolute_form(scope: Scope) -> None:
    """Reduce a target with scheme and host to its path, after RFC 9112, section 3.2.2."""
    path: str = scope["path"]
    if found := _ABSOLUTE.match(path):
        scope["path"] = path[found.end() :] or "/"
        if raw := scope.get("raw_path"):
            scope["raw_path"] = raw[found.end() :] or b"/"
