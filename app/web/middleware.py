"""The frame around every request: request id, security headers, one line in the log."""

import re
import secrets
from itertools import count

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.telemetry import log
from app.telemetry.counters import Counters
from app.web.errors import error_response, is_known
from app.web.fields import fields_of
from app.wire.parsing.errors import BadRequest

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
        has_begun = False

        async def framed(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                given = message["headers"]
                headers = [*given, *_HEADERS]
                if not _NAMES.isdisjoint(dict(given)):
                    names = {name for name, _ in given}
                    headers = [*given, *(one for one in _HEADERS if one[0] not in names)]
                headers.append((b"x-request-id", request_id.encode()))
                message = {**message, "headers": headers}
                path: str = scope["path"]
                shown = path
                if path.startswith(_LINKS):
                    shown = next(link for link in _LINKS if path.startswith(link))
                log.request_served(scope["method"], shown, message["status"], request_id)
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._counters.requests[method, message["status"]] += 1
            await send(message)

        self._counters.in_flight += 1
        try:
            await app(scope, receive, framed)
        except Exception as failure:
            if has_begun:
                raise
            if not is_known(failure):
                log.request_failed(request_id, failure)
            await error_response(failure, request_id)(scope, receive, framed)
        finally:
            self._counters.in_flight -= 1


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
