"""The way to a model's endpoint: guarded addresses, bounded answers, no redirects."""

import ssl
from collections.abc import AsyncIterator, Sequence

import httpcore
import httpx2

from app.outbound.decoding import BoundedDecoder, NotDecodable, TooLong
from app.outbound.http_client import guarded_pool
from app.outbound.network import Network
from steps.contract import StepBroke

_MOST_BYTES = 32 * 1_048_576
_SENT = frozenset(
    {
        "accept", "anthropic-version", "authorization", "connection",
        "content-length", "content-type", "host", "transfer-encoding", "user-agent",
    }
)  # fmt: skip

_LAST_EVENT = b"\n\n"  # many servers do not end their last event, which would be lost
_OF_THE_WAY = frozenset({b"content-encoding", b"content-length"})


def model_client(allowed: Sequence[Network], trust: ssl.SSLContext | None) -> httpx2.AsyncClient:
    """Return a client for the providers' libraries that connects to allowed addresses only."""
    return httpx2.AsyncClient(
        transport=_Transport(allowed, trust), trust_env=False, follow_redirects=False
    )


class _Transport(httpx2.AsyncBaseTransport):
    """Lets the libraries' client speak through the pool that checks every connection."""

    def __init__(self, allowed: Sequence[Network], trust: ssl.SSLContext | None) -> None:
        self._pool = guarded_pool(allowed, trust)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        # The libraries add headers from the server's environment (organisations, custom
        # ones), which are nobody's business at an address that a tenant may have named.
        headers = [(k, v) for k, v in request.headers.raw if k.lower().decode("latin-1") in _SENT]
        headers.append((b"Accept-Encoding", b"gzip, deflate"))
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        assert isinstance(request.stream, httpx2.AsyncByteStream)  # noqa: S101 - for the types
        with _translated():
            response = await self._pool.handle_async_request(
                httpcore.Request(
                    request.method,
                    url,
                    headers=headers,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        # It is decoded here, within its bound; the library would unpack whatever comes.
        kept = [(k, v) for k, v in response.headers if k.lower() not in _OF_THE_WAY]
        return httpx2.Response(response.status, headers=kept, stream=_Body(response))

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response
        # One iterator for all who ask: the libraries read to the end of an answer a second
        # time, so that its connection can be used again.
        self._chunks = self._decoded(response)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            yield chunk

    async def _decoded(self, response: httpcore.Response) -> AsyncIterator[bytes]:
        packed = b", ".join(v for k, v in response.headers if k.lower() == b"content-encoding")
        kinds = [v.lower() for k, v in response.headers if k.lower() == b"content-type"]
        try:
            with _translated():
                decoder = BoundedDecoder(packed.decode("latin-1"), _MOST_BYTES)
                async for chunk in response.aiter_stream():
                    yield decoder.decode(chunk)
                if kinds and kinds[0].startswith(b"text/event-stream"):
                    yield _LAST_EVENT
        except (TooLong, NotDecodable) as unusable:
            message = f"the model's answer cannot be read: {unusable}"
            raise StepBroke("InvalidResponse", message) from unusable

    async def aclose(self) -> None:
        await self._response.aclose()


class _translated:  # noqa: N801 - reads as a word of the language
    """Turns the pool's failures into those that the libraries know; the cause is kept."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, failure: BaseException | None, at: object) -> None:
        if isinstance(failure, httpcore.TimeoutException):
            raise httpx2.TimeoutException(str(failure)) from failure
        if isinstance(failure, httpcore.NetworkError | httpcore.ProtocolError):
            raise httpx2.TransportError(str(failure)) from failure
