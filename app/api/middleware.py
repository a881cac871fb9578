"""Around every request: an id, safe headers, one line in the log."""

import re
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import log
from app.api.errors import BadRequest
from app.errors import error_response
from app.figures import Figures

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_SAFE_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_LINK = "/answer/"
"""What follows it lets its holder answer, so it is not logged."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
}


class RequestFrame:
    """Gives each request an id and each answer its headers; counts them."""

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self._app = app
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope).get("x-request-id", "")
        request_id = asked if _SAFE_ID.fullmatch(asked) else uuid.uuid4().hex
        scope["stepwell.request_id"] = request_id

        app = _refused if _has_two_lengths(scope) else self._app

        async def framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                shown = _LINK if scope["path"].startswith(_LINK) else scope["path"]
                log.request_served(scope["method"], shown, message["status"], request_id)
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._figures.requests[method, message["status"]] += 1
            await send(message)

        self._figures.in_flight += 1
        try:
            await app(scope, receive, framed)
        finally:
            self._figures.in_flight -= 1


def _has_two_lengths(scope: Scope) -> bool:
    """Say whether two parsers could end the body at two places (RFC 9112, section 6.3)."""
    names = {name for name, _ in scope["headers"]}
    return b"content-length" in names and b"transfer-encoding" in names


async def _refused(scope: Scope, receive: Receive, send: Send) -> None:
    message = "send Content-Length or Transfer-Encoding, not both"
    answer = error_response(BadRequest(message), scope["stepwell.request_id"])
    answer.headers["Connection"] = "close"  # what follows may be anybody's request
    await answer(scope, receive, send)
