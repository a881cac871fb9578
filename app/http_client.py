"""The client for requests that steps send: guarded addresses, bounded answers."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from app.network import AddressNotAllowed, GuardedBackend, Network
from steps.contract import (
    StepBroke,
)
from steps.effects import (
    HttpRequest,
    HttpResponse,
)

_CONNECT_S = 10.0
_IDLE_S = 300.0


def guarded_pool(allowed: Sequence[Network]) -> httpcore.AsyncConnectionPool:
    """Give a pool of connections, each to an address that was checked."""
    return httpcore.AsyncConnectionPool(
        ssl_context=httpx.create_ssl_context(trust_env=False),
        network_backend=GuardedBackend(allowed),
        max_connections=200,
        keepalive_expiry=30,
    )


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()


class _Transport(httpx.AsyncBaseTransport):
    """Lets httpx speak through a pool whose every connection is checked."""

    def __init__(self, allowed: Sequence[Network]) -> None:
        self._pool = guarded_pool(allowed)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        response = await self._pool.handle_async_request(
            httpcore.Request(
                request.method,
                url,
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response))

    async def aclose(self) -> None:
        await self._pool.aclose()


class HttpClient:
    """Sends what steps ask for."""

    def __init__(self, allowed: Sequence[Network]) -> None:
        timeout = httpx.Timeout(_IDLE_S, connect=_CONNECT_S)
        self._client = httpx.AsyncClient(
            transport=_Transport(allowed), trust_env=False, timeout=timeout, max_redirects=5
        )

    async def send(self, wanted: HttpRequest) -> HttpResponse:
        """Send one request. Raises `StepBroke` when no usable answer comes."""
        if urlsplit(wanted.url).scheme not in ("http", "https"):
            raise StepBroke(
                "InvalidRequest", "the url must begin with http:// or https://", retryable=False
            )
        try:
            return await self._exchange(wanted)
        except AddressNotAllowed as refused:
            raise StepBroke("AddressNotAllowed", str(refused), retryable=False) from refused
        except (httpx.TimeoutException, httpcore.TimeoutException) as late:
            raise StepBroke("Timeout", f"no answer from {_host(wanted)} in time") from late
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as invalid:
            raise StepBroke(
                "InvalidRequest", f"the url is not valid: {invalid}", retryable=False
            ) from invalid
        except httpx.TooManyRedirects as looping:
            raise StepBroke(
                "TooManyRedirects", f"{_host(wanted)} redirects more than 5 times", retryable=False
            ) from looping
        except (httpx.HTTPError, httpcore.NetworkError, httpcore.ProtocolError) as failed:
            message = f"no answer from {_host(wanted)}: {failed or type(failed).__name__}"
            raise StepBroke("ConnectionFailed", message) from failed

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _exchange(self, wanted: HttpRequest) -> HttpResponse:
        files: list[Any] = [
            (name, (file_name, content, kind) if file_name else (None, content))
            for name, file_name, content, kind in wanted.files
        ]
        request = self._client.build_request(
            wanted.method,
            wanted.url,
            params=list(wanted.query) or None,
            headers=dict(wanted.headers),
            content=wanted.content,
            data=dict(wanted.form) if wanted.form is not None else None,
            files=files or None,
        )
        self._client.cookies.clear()
        response = await self._client.send(
            request, stream=True, follow_redirects=wanted.follow_redirects
        )
        try:
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > wanted.max_response_bytes:
                    message = f"the answer is longer than {wanted.max_response_bytes} bytes"
                    raise StepBroke("ResponseTooLarge", message, retryable=False)
        finally:
            await response.aclose()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return HttpResponse(response.status_code, headers, bytes(content))


def _host(wanted: HttpRequest) -> str:
    return urlsplit(wanted.url).hostname or "the address"
