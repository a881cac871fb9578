"""The client for requests that steps send: guarded addresses, bounded answers.

It follows redirects itself, so that what is confidential stays with the server that it was
meant for, and it keeps no cookies, since all tenants share it.
"""

import ssl
from collections.abc import AsyncIterator, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore
import httpx

from app.outbound.decoding import BoundedDecoder, NotDecodable, TooLong
from app.outbound.network import AddressNotAllowed, GuardedBackend, Network
from steps.contract import (
    StepBroke,
)
from steps.effects import (
    HttpRequest,
    HttpResponse,
)

_CONNECT_S = 10.0
_IDLE_S = 300.0
_MOST_REDIRECTS = 5
_PORTS = {"http": 80, "https": 443}
_FOR_ANYBODY = frozenset(
    {
        "accept", "accept-encoding", "accept-language", "connection", "content-length",
        "content-type", "host", "idempotency-key", "transfer-encoding", "user-agent",
    }
)  # fmt: skip
"""The headers that go along to another origin; any other could be a credential."""


def guarded_pool(
    allowed: Sequence[Network], trust: ssl.SSLContext | None
) -> httpcore.AsyncConnectionPool:
    """Return a pool of connections, each to an address that was checked."""
    return httpcore.AsyncConnectionPool(
        ssl_context=trust or httpx.create_ssl_context(trust_env=False),
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

    def __init__(self, allowed: Sequence[Network], trust: ssl.SSLContext | None) -> None:
        self._pool = guarded_pool(allowed, trust)

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

    def __init__(self, allowed: Sequence[Network], trust: ssl.SSLContext | None = None) -> None:
        timeout = httpx.Timeout(_IDLE_S, connect=_CONNECT_S)
        nothing = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx.AsyncClient(
            transport=_Transport(allowed, trust),
            trust_env=False,
            timeout=timeout,
            cookies=nothing,
            headers={"Accept-Encoding": "gzip, deflate"},
        )

    async def send(self, wanted: HttpRequest) -> HttpResponse:
        """Send one request. Raises `StepBroke` when no usable answer comes."""
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
                "TooManyRedirects",
                f"{_host(wanted)} redirects more than {_MOST_REDIRECTS} times",
                retryable=False,
            ) from looping
        except TooLong as long:
            message = f"the answer is longer than {long.limit} bytes"
            raise StepBroke("ResponseTooLarge", message, retryable=False) from long
        except NotDecodable as wrong:
            message = f"the answer cannot be read: {wrong}"
            raise StepBroke("InvalidResponse", message, retryable=False) from wrong
        except (httpx.HTTPError, httpcore.NetworkError, httpcore.ProtocolError) as failed:
            message = f"no answer from {_host(wanted)}: {failed or type(failed).__name__}"
            raise StepBroke("ConnectionFailed", message) from failed

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _exchange(self, wanted: HttpRequest) -> HttpResponse:
        request = self._request(wanted)
        is_confidential = wanted.confidential or bool(request.url.userinfo)
        for _ in range(_MOST_REDIRECTS + 1):
            response = await self._client.send(request, stream=True, follow_redirects=False)
            try:
                if not wanted.follow_redirects or response.next_request is None:
                    return await _read(response, wanted.max_response_bytes)
            finally:
                await response.aclose()
            request = _redirected(request, response.next_request, is_confidential=is_confidential)
        raise httpx.TooManyRedirects("too many", request=request)

    def _request(self, wanted: HttpRequest) -> httpx.Request:
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
        return _checked(request)


def _checked(request: httpx.Request) -> httpx.Request:
    if request.url.scheme not in _PORTS or not request.url.host:
        raise httpx.InvalidURL("it must begin with http:// or https:// and name a host")
    return request


async def _read(response: httpx.Response, limit: int) -> HttpResponse:
    decoder = BoundedDecoder(response.headers.get("content-encoding", ""), limit)
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += decoder.decode(chunk)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return HttpResponse(response.status_code, headers, bytes(content))


def _redirected(
    before: httpx.Request, after: httpx.Request, *, is_confidential: bool
) -> httpx.Request:
    """Return the next request; to another origin nothing confidential goes along."""
    if _stays(before.url, _checked(after).url):
        return after
    if is_confidential:
        raise StepBroke(
            "RedirectRefused",
            f"{before.url.host} redirects to {after.url.scheme}://{after.url.netloc.decode()}, "
            "and the request carries a secret or auth; give the address where it leads as the url",
            retryable=False,
        )
    for name in [name for name in after.headers if name.lower() not in _FOR_ANYBODY]:
        del after.headers[name]
    return after


def _stays(before: httpx.URL, after: httpx.URL) -> bool:
    """Say whether a redirect stays with its server; going from http to https does."""
    upgraded = ("https", before.host.lower(), 443)
    is_plain = _origin(before) == ("http", before.host.lower(), 80)
    return _origin(after) == _origin(before) or (is_plain and _origin(after) == upgraded)


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host.lower(), url.port or _PORTS[url.scheme]


def _host(wanted: HttpRequest) -> str:
    try:
        return httpx.URL(wanted.url).host or "the address"
    except httpx.InvalidURL:
        return "the address"
