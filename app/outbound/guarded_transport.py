"""The HTTP transport for all outgoing requests: it connects to checked addresses only.

All outgoing HTTP uses it: the requests of steps, webhooks, and the libraries for models and MCP.
The check is made in the connection pool below the HTTP library, so it also covers redirects and
anything else that a library does.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from types import TracebackType
from typing import Any

import httpcore2
import httpx2
from httpcore2 import AsyncNetworkBackend, AsyncNetworkStream

from app.outbound.first_connection import first_connection
from app.outbound.lookups import Address, Lookups
from app.outbound.network import EVERYWHERE, AddressNotAllowed, Network, is_allowed
from app.outbound.status_line import HeardStream, Used, used
from app.outbound.way_out import WayOut

_KEEPALIVE_S = 1.5
"""How long an idle connection is kept: less than the shortest time after which common servers close
one (2 s). A request that meets the close fails, and only some may be sent again."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, section 9.2.1)."""


class _NotAllowed(AddressNotAllowed, httpcore2.ConnectError):
    """Reports a refused address; the HTTP library sees a failed connection."""


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Sends requests to allowed addresses, and raises `httpx2.TransportError`."""

    def __init__(
        self,
        way: WayOut,
        allowed: Sequence[Network],
        most: int | None,
        keepalive_s: float = _KEEPALIVE_S,
    ) -> None:
        """Open at most `most` connections, and keep idle ones for `keepalive_s` seconds."""
        self._way, self._allowed = way, allowed
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=way.trust,
            network_backend=GuardedBackend(way.lookups, allowed),
            max_connections=most,
            keepalive_expiry=keepalive_s,
        )
        self._proxied: httpcore2.AsyncConnectionPool | None = None
        if way.proxy is not None:
            self._proxied = httpcore2.AsyncHTTPProxy(
                way.proxy.address,
                proxy_headers=way.proxy.headers,
                ssl_context=way.trust,
                proxy_ssl_context=way.trust if way.proxy.is_protected else None,
                network_backend=GuardedBackend(way.lookups, EVERYWHERE),
                max_connections=most,
                keepalive_expiry=keepalive_s,
            )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; return the answer before its body is read."""
        url = httpcore2.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        with _translated():
            pool = await self._pool_for(url)
        with _translated("" if pool is self._pool else " (through the proxy)"):
            response = await self._answer(request, url, pool)
        return httpx2.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()
        if self._proxied is not None:
            await self._proxied.aclose()

    async def _answer(
        self, request: httpx2.Request, url: httpcore2.URL, pool: httpcore2.AsyncConnectionPool
    ) -> httpcore2.Response:
        """Send a request; again if it changes nothing and met the end of an idle connection."""
        assert isinstance(request.stream, httpx2.AsyncByteStream)  # noqa: S101 - for the types
        while True:
            connection = Used()
            used.set(connection)
            try:
                return await pool.handle_async_request(
                    httpcore2.Request(
                        request.method,
                        url,
                        headers=request.headers.raw,
                        content=request.stream,
                        extensions=request.extensions,
                    )
                )
            except (httpcore2.NetworkError, httpcore2.RemoteProtocolError):
                may_repeat = request.method in _SAFE and isinstance(
                    request.stream, httpx2.ByteStream
                )
                if connection.is_new or connection.has_answered or not may_repeat:
                    raise

    async def _pool_for(self, url: httpcore2.URL) -> httpcore2.AsyncConnectionPool:
        proxy, host = self._way.proxy, url.host.decode("ascii")
        if self._proxied is None or proxy is None or proxy.is_left_out(host):
            return self._pool
        # The proxy resolves names itself, and may know names that this server does not. A name that
        # leads to an internal address, as far as this server knows, is not requested.
        try:
            addresses = await self._way.lookups.addresses(host, url.port or 0)
        except httpcore2.ConnectError:
            return self._proxied
        for address in addresses:
            if not is_allowed(address, self._allowed):
                raise _NotAllowed(host, address)
        return self._proxied


class _Body(httpx2.AsyncByteStream):
    def __init__(self, response: httpcore2.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _translated():
            async for chunk in self._response.aiter_stream():
                yield chunk

    async def aclose(self) -> None:
        with _translated():
            await self._response.aclose()


class _translated:  # noqa: N801 - reads as a word of the language
    """Translates the pool's exceptions into those of the HTTP library, and keeps the cause."""

    def __init__(self, way: str = "") -> None:
        self._way = way

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for of_pool in type(failure).__mro__:
            if of_pool.__module__.partition(".")[0] in ("httpcore2", "h11"):
                of_library = getattr(httpx2, of_pool.__name__, httpx2.TransportError)
                way = "" if of_library is httpx2.ProxyError else self._way  # it names the proxy
                raise of_library(f"{cause_of(failure)}{way}") from failure


_BYTES = re.compile(r"bytearray\((b'[^']*'|b\"[^\"]*\")\)")
"""How h11 shows what it could not read."""


_NO_TLS = "WRONG_VERSION_NUMBER"
_PLACE_IN_SSL = re.compile(r" \(_ssl\.c:\d+\)")


def _shown(found: re.Match[str]) -> str:
    return found[1].removeprefix("b")


def cause_of(failure: BaseException | None) -> str:
    """Return why a connection failed, in the operating system's words if there are any."""
    words = ""
    while failure is not None:
        said = str(failure)
        if type(failure).__module__ == "builtins" and isinstance(failure, OSError):
            # asyncio replaces the system's words by its own.
            said = os.strerror(failure.errno) if failure.errno else said
        words = _BYTES.sub(_shown, said) or words
        failure = failure.__cause__ or failure.__context__
    if _NO_TLS in words:
        return "the other side does not speak TLS on this port; its address may begin with http://"
    return _PLACE_IN_SSL.sub("", words) or "the connection was lost"


class GuardedBackend(AsyncNetworkBackend):
    """Connects to exactly the address that was checked."""

    def __init__(self, lookups: Lookups, allowed: Sequence[Network]) -> None:
        self._lookups = lookups
        self._allowed = allowed
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(  # noqa: D102 - httpcore2's interface
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore2's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        if (connection := used.get()) is not None:
            connection.is_new = True
        addresses = await self._lookups.addresses(host, port)
        for address in addresses:
            if not is_allowed(address, self._allowed):
                raise _NotAllowed(host, address)
        if not addresses:
            raise httpcore2.ConnectError(f"{host} has no address")

        def connect(address: Address) -> Coroutine[Any, Any, AsyncNetworkStream]:
            return self._inner.connect_tcp(
                str(address), port, timeout, local_address, socket_options
            )

        return HeardStream(await first_connection(addresses, connect))

    async def connect_unix_socket(  # noqa: D102 - httpcore2's interface
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore2's interface
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        raise httpcore2.ConnectError("steps do not connect to local sockets")

    async def sleep(self, seconds: float) -> None:  # noqa: D102 - httpcore2's interface
        await asyncio.sleep(seconds)
