"""The HTTP client of one MCP server, in which one request's failure is its own.

The library ends the whole connection, with every other call in flight, when a request
cannot be sent. Here such a request gets an error as its answer instead.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
from mcp_types import CONNECTION_CLOSED

from app.outbound.guarded_transport import GuardedTransport
from app.outbound.network import EVERYWHERE
from app.outbound.way_out import WayOut
from app.tools.mcp.link import Token
from app.tools.mcp.misread import readable
from app.tools.mcp.stdio import LONGEST_LINE, TOO_LONG
from steps.contract.step_type import StepBroke

UNREACHABLE = {"stepwell": "unreachable"}
SESSION_OVER = {"stepwell": "session over"}
"""Marks an error that no server has sent; theirs may have the same code."""

_CONNECT_S = 10.0
_KEEPALIVE_S = 3.0
_SHOWN = 300
_SESSION = "mcp-session-id"
_STREAM = "text/event-stream"
_NOT_COPIED = ("content-encoding", "content-length", "transfer-encoding")


class _TooLong(Exception):
    """The answer is longer than any result may be."""


def http_client(
    headers: Mapping[str, str],
    way: WayOut,
    failed: Callable[[], None],
    token: Token | None = None,
) -> httpx2.AsyncClient:
    """Return a client; `failed` is called when a request shows that the server may be gone.

    It waits for answers without limit, since each call has a limit of its own, and opens as
    many connections as there are calls. Idle ones are dropped before the server drops them.
    """
    return httpx2.AsyncClient(
        headers=dict(headers),
        timeout=httpx2.Timeout(None, connect=_CONNECT_S),
        transport=_Isolating(way, failed, token),
        trust_env=False,
    )


class _Isolating(GuardedTransport):
    def __init__(self, way: WayOut, failed: Callable[[], None], token: Token | None) -> None:
        # The operator names these servers, so they may be anywhere.
        super().__init__(way, EVERYWHERE, most=None, keepalive_s=_KEEPALIVE_S)
        self._failed = failed
        self._token = token

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; a POST is always answered."""
        is_post = request.method == "POST"
        try:
            response = await self._sent(request)
            if is_post and (_is_error(response) or not _is_stream(response)):
                return await self._whole(request, response)
        except _TooLong as failure:
            return _refusal(request, str(failure), code=TOO_LONG)
        except httpx2.TransportError as failure:
            self._failed()
            if not is_post:
                raise
            reason = str(failure) or type(failure).__name__
            return _refusal(request, f"no answer from {request.url.host}: {reason}")
        if _is_error(response) and _SESSION in request.headers and request.method == "GET":
            self._failed()
        return response

    async def _sent(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, with a token where the server wants one; twice where it is refused.

        Raises `httpx2.TransportError` where no token is given.
        """
        if self._token is None:
            return await super().handle_async_request(request)
        refused: str | None = None
        while True:
            try:
                token = await self._token(refused)
            except StepBroke as broke:
                raise httpx2.ConnectError(broke.error.message) from broke
            request.headers["Authorization"] = f"Bearer {token}"
            response = await super().handle_async_request(request)
            if response.status_code != httpx2.codes.UNAUTHORIZED or refused is not None:
                return response
            await response.aclose()
            refused = token

    async def _whole(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        """Read an answer to its end, and say in words what an error without words means."""
        content = bytearray()
        try:
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > LONGEST_LINE:
                    if _is_error(response):
                        break
                    raise _TooLong(f"an answer of more than {LONGEST_LINE:,} bytes")
        finally:
            await response.aclose()
        status = response.status_code
        if _SESSION in request.headers and _is_session_over(status, bytes(content)):
            self._failed()
            return _refusal(request, "it has ended the session", SESSION_OVER)
        if _is_error(response) and not _explains_itself(bytes(content)):
            message = f"it answered HTTP {status} {response.reason_phrase}".rstrip()
            words = " ".join(bytes(content[:_SHOWN]).decode("utf-8", "replace").split())
            return _refusal(request, f"{message}: {words}" if words else message)
        kept = (name for name in response.headers if name.lower() not in _NOT_COPIED)
        headers = {name: response.headers[name] for name in kept}
        said = bytes(content)
        if messages := _several(said):
            headers["content-type"] = _STREAM
            said = b"".join(b"data: %b\n\n" % readable(one) for one in messages)
        elif _is_json(response) or _json_of(said):  # some servers give it no type or another one
            headers["content-type"] = "application/json"
            said = readable(said)
        return httpx2.Response(status, headers=headers, content=said, request=request)


def _is_error(response: httpx2.Response) -> bool:
    return response.status_code >= httpx2.codes.BAD_REQUEST


def _is_stream(response: httpx2.Response) -> bool:
    return bool(response.headers.get("content-type", "").startswith(_STREAM))


def _is_json(response: httpx2.Response) -> bool:
    return bool(response.headers.get("content-type", "").startswith("application/json"))


def _is_session_over(status: int, content: bytes) -> bool:
    """Return whether a server does not know the session of a request, and so has not looked at it.

    That is 404 in the protocol. Servers made after an example of its library answer 400, with a
    message about the session and without the id of the request.
    """
    if status == httpx2.codes.BAD_REQUEST:
        document = _json_of(content)
        words = str(_error_in(document).get("message", ""))
        return document.get("id") is None and "session" in words.lower()
    return status == httpx2.codes.NOT_FOUND


def _explains_itself(content: bytes) -> bool:
    """Return whether a body is a JSON-RPC error."""
    return isinstance(_error_in(_json_of(content)).get("code"), int)


def _several(content: bytes) -> list[bytes]:
    """Return the messages of a batch, which an older protocol lets a server answer with."""
    found = _parsed(content) if content.lstrip()[:1] == b"[" else None
    return [json.dumps(one).encode() for one in found] if isinstance(found, list) else []


def _json_of(content: bytes) -> dict[str, Any]:
    document = _parsed(content)
    return document if isinstance(document, dict) else {}


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _error_in(document: dict[str, Any]) -> dict[str, Any]:
    error = document.get("error")
    return error if isinstance(error, dict) else {}


def _refusal(
    request: httpx2.Request,
    why: str,
    data: Mapping[str, str] = UNREACHABLE,
    code: int = CONNECTION_CLOSED,
) -> httpx2.Response:
    error = {"code": code, "message": why, "data": data}
    return httpx2.Response(
        httpx2.codes.BAD_GATEWAY,
        json={"jsonrpc": "2.0", "id": None, "error": error},
        request=request,
    )
