"""Around every request: an id, safe headers, one line in the log."""

import re
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import log
from app.admission import Overloaded
from app.errors import error_response
from app.figures import Figures

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_SAFE_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
}


_ALWAYS = ("/healthz", "/readyz", "/metrics")


class RequestFrame:
    """Gives each request an id and each answer its headers; bounds how many there are at once."""

    def __init__(self, app: ASGIApp, figures: Figures, most: int) -> None:
        self._app = app
        self._figures = figures
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope).get("x-request-id", "")
        request_id = asked if _SAFE_ID.fullmatch(asked) else uuid.uuid4().hex
        scope["stepwell.request_id"] = request_id

        async def framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                log.request_served(scope["method"], scope["path"], message["status"], request_id)
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._figures.requests[method, message["status"]] += 1
            await send(message)

        if self._figures.in_flight >= self._most and scope["path"] not in _ALWAYS:
            self._figures.refused["requests"] += 1
            overloaded = Overloaded("as many requests are being answered as may be")
            await error_response(overloaded, request_id)(scope, receive, framed)
            return
        self._figures.in_flight += 1
        try:
            await self._app(scope, receive, framed)
        finally:
            self._figures.in_flight -= 1
