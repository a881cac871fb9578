"""Connects to models' endpoints: checked addresses, answers of limited size, no redirects."""

from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Sequence

import httpx2

from app.llm.endpoint import further_headers
from app.outbound.decoding import OFFERED, BoundedDecoder, NotDecodable, TooLong
from app.outbound.guarded_transport import GuardedTransport
from app.outbound.network import Network
from app.outbound.way_out import WayOut
from steps.contract.step_type import StepBroke

_MOST_BYTES = 32 * 1_048_576
_SENT = frozenset(
    {
        "accept", "anthropic-version", "authorization", "connection",
        "content-length", "content-type", "host", "transfer-encoding", "user-agent",
    }
)  # fmt: skip

_LAST_EVENT = b"\n\n"  # many servers do not end their last event, which would be lost
_OF_THE_WAY = frozenset({b"content-encoding", b"content-length"})


def model_client(allowed: Sequence[Network], way: WayOut, connections: int) -> httpx2.AsyncClient:
    """Return a client for the providers' libraries that connects to allowed addresses only.

    Up to `connections` requests never wait for a connection. Waiting here would bypass the turns by
    which tenants share the server.
    """
    return httpx2.AsyncClient(
        transport=_Transport(way, allowed, connections),
        trust_env=False,
        follow_redirects=False,
    )


def _further() -> list[tuple[bytes, bytes]]:
    return [(name.encode(), text.encode()) for name, text in further_headers.get().items()]


class _Transport(GuardedTransport):
    """Sends the libraries' requests without unwanted headers, and limits what it unpacks."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        # The libraries add headers from the server's environment (organisations, custom ones),
        # which must not go to an address that a tenant may have named.
        headers = [(k, v) for k, v in request.headers.raw if k.lower().decode("latin-1") in _SENT]
        sent = httpx2.Request(
            request.method,
            request.url,
            headers=[*headers, *_further(), (b"Accept-Encoding", OFFERED.encode())],
            stream=request.stream,
            extensions=request.extensions,
        )
        response = await super().handle_async_request(sent)
        # Decoded here within a limit; the library would unpack any amount.
        kept = [(k, v) for k, v in response.headers.raw if k.lower() not in _OF_THE_WAY]
        return httpx2.Response(response.status_code, headers=kept, stream=_Body(response))


class _Body(httpx2.AsyncByteStream):
    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        # One iterator for all readers: the libraries read an answer to its end a second time, so
        # that its connection can be used again.
        self._chunks = self._decoded(response)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            yield chunk

    async def _decoded(self, response: httpx2.Response) -> AsyncIterator[bytes]:
        assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 - for the types
        try:
            decoder = BoundedDecoder(response.headers.get("content-encoding", ""), _MOST_BYTES)
            kind = response.headers.get("content-type", "").lower()
            is_stream, has_begun = kind.startswith("text/event-stream"), False
            async for chunk in response.stream:
                piece = decoder.decode(chunk)
                # The library would take the mark for a part of the first event's name.
                yield piece.removeprefix(BOM_UTF8) if is_stream and not has_begun else piece
                has_begun = has_begun or bool(piece)
            decoder.finish()
            if is_stream:
                yield _LAST_EVENT
        except (TooLong, NotDecodable) as unusable:
            message = (
                f"the model's answer (status {response.status_code}) cannot be read: {unusable}"
            )
            raise StepBroke("InvalidResponse", message) from unusable

    async def aclose(self) -> None:
        await self._response.aclose()
