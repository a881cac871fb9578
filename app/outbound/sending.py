"""Sends a step's request and reads the answer; loaded by the client when it is first used.

It follows redirects itself, so that confidential data stays with the server it was meant for. It
keeps no cookies, since all tenants share it.
"""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import httpx2

from app.concurrency.fair_queue import FairQueue
from app.outbound.addresses import InvalidAddress, address_of, host_of
from app.outbound.decoding import OFFERED, BoundedDecoder, NotDecodable, TooLong
from app.outbound.guarded_transport import GuardedTransport
from app.outbound.lookups import asking
from app.outbound.network import AddressNotAllowed, Network
from app.outbound.redirects import RedirectRefused, redirected
from app.outbound.sink import Sink
from app.outbound.status_line import Heard, heard
from app.outbound.way_out import WayOut
from steps.contract.step_type import ResponseUnreadable, StepBroke
from steps.effects.http_messages import HttpRequest, HttpResponse
from steps.http.response_body import described

_CONNECT_S = 10.0
_IDLE_S = 300.0
_MOST_REDIRECTS = 5
_SWITCHING = 101
_REDIRECTS = (301, 302, 303, 307, 308)
_CLOSED = "disconnected"
"""What the pool says of a connection that ended before an answer began."""
_MOST_IN_MEMORY = 10_000_000
_COOKIES = "set-cookie"
_DRAINED_BYTES = 65_536
_DRAINED_S = 0.25
"""How many bytes of an unwanted body are read, and for how long, to keep its connection usable."""


class Sending:
    """Sends requests and keeps connections for later ones."""

    def __init__(self, way: WayOut, allowed: Sequence[Network], most: int) -> None:
        self._transport = GuardedTransport(way, allowed, most)
        self._turns = FairQueue(most)

    async def send(self, wanted: HttpRequest, tenant: str, sink: Sink | None) -> HttpResponse:
        """Send one request, once the tenant has its turn; raises what `HttpClient.send` raises."""
        request = _request(wanted)
        asking.set(tenant)
        hearing = Heard(host_of(request.url))
        heard.set(hearing)
        async with self._turns.turn(tenant):
            try:
                with _attributed(wanted.timeout_s, hearing):
                    async with asyncio.timeout(wanted.timeout_s):
                        response = await self._header(request, wanted, hearing)
            except asyncio.CancelledError as stopped:
                stopped.add_note(f"{_came(hearing)} by then")
                raise
            except StepBroke:
                status = hearing.status
                leads_on = wanted.follow_redirects and status in _REDIRECTS
                if wanted.take != "nothing" or status is None or leads_on:
                    raise
                return HttpResponse(status, {}, b"")
            try:
                return await _taken(response, wanted, sink)
            finally:
                with contextlib.suppress(httpx2.TransportError):
                    await response.aclose()

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    async def _header(
        self, request: httpx2.Request, wanted: HttpRequest, hearing: Heard
    ) -> httpx2.Response:
        """Return the final answer after redirects, with its body unread."""
        is_confidential = wanted.confidential or bool(request.url.userinfo)
        first = host_of(request.url)
        for _ in range(_MOST_REDIRECTS + 1):
            hearing.forget()
            response = await self._transport.handle_async_request(request)
            if not wanted.follow_redirects or not response.has_redirect_location:
                return response
            with contextlib.suppress(httpx2.TransportError):
                await response.aclose()
            try:
                request = redirected(request, response, is_confidential=is_confidential)
            except InvalidAddress as odd:
                message = (
                    f"the answer ({described(response.status_code, response.headers)}) leads to "
                    f"an invalid address: {odd}; set followRedirects to false to take it as it is"
                )
                raise StepBroke("InvalidResponse", message, retryable=False) from odd
            if (host := host_of(request.url)) != first:
                hearing.place = f"{host} (where {first} redirects)"
        message = f"{host_of(request.url)} redirects more than {_MOST_REDIRECTS} times"
        raise StepBroke("TooManyRedirects", message, retryable=False)


def _request(wanted: HttpRequest) -> httpx2.Request:
    files: list[Any] = [
        (name, (file_name, content, kind) if file_name else (None, content))
        for name, file_name, content, kind in wanted.files
    ]
    try:
        url = address_of(wanted.url, wanted.query)
        request = httpx2.Request(
            wanted.method,
            url,
            headers=_headers(wanted, url),
            content=wanted.content,
            data=wanted.form,
            files=files or None,
            extensions={"timeout": httpx2.Timeout(_IDLE_S, connect=_CONNECT_S).as_dict()},
        )
        size = len(request.read())
        if (given := request.headers.get("content-length", "").strip()) not in ("", str(size)):
            raise ValueError(
                f"header Content-Length is {given[:20]}, and the body has {size} bytes"
            )
    except InvalidAddress as odd:
        message = f"the url is not valid: {odd}"
        raise StepBroke("InvalidRequest", message, retryable=False) from odd
    except (TypeError, ValueError) as odd:
        message = f"the request cannot be sent: {odd}"
        raise StepBroke("InvalidRequest", message, retryable=False) from odd
    return request


def _headers(wanted: HttpRequest, url: httpx2.URL) -> dict[str, str]:
    given = {name.lower() for name in wanted.headers}
    own = {"Accept": "*/*", "Accept-Encoding": OFFERED, "User-Agent": "Stepwell"}
    if url.userinfo:
        pair = f"{url.username}:{url.password}".encode()
        own["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    kept = {name: value for name, value in own.items() if name.lower() not in given}
    return {**kept, **wanted.headers}


async def _taken(response: httpx2.Response, wanted: HttpRequest, sink: Sink | None) -> HttpResponse:
    """Return the answer with its body in the wanted form. Raises `ResponseUnreadable`."""
    status = response.status_code
    headers = _named(response.headers)
    if wanted.take == "nothing":
        await _drained(response)
        return HttpResponse(status, headers, b"")
    content, size = bytearray(), 0
    write = sink.write if sink is not None and sink.takes(status) else None
    most = wanted.max_response_bytes if write else min(wanted.max_response_bytes, _MOST_IN_MEMORY)

    packed = headers.get("content-encoding", "") if wanted.take == "unpacked" else ""
    decoder, unknown = _decoder(packed, most)
    write = None if unknown else write

    def kept() -> HttpResponse:
        return HttpResponse(status, headers, bytes(content), is_packed=unknown is not None)

    try:
        async for chunk in _chunks(response):
            for piece in decoder.pieces(chunk):
                size += len(piece)
                if write:
                    await write(piece)
                else:
                    content += piece
        decoder.finish()
        if unknown is not None:
            raise unknown
    except TooLong as long:
        or_else = "" if sink else ", or set responseType to none to leave its body"
        why = f"is longer than {long.limit} bytes; raise maxResponseBytes{or_else}"
        raise _failed("ResponseTooLarge", why, kept()) from long
    except NotDecodable as wrong:
        or_else = "" if sink else "; set responseType to base64 to take it as it is"
        why = f"cannot be read: {wrong}{or_else}"
        raise _failed("InvalidResponse", why, kept()) from wrong
    except asyncio.CancelledError as stopped:
        so_far = described(status, headers)
        stopped.add_note(f"{size} bytes of the answer ({so_far}) had come by then")
        raise
    except httpx2.TimeoutException as late:
        why = f"stopped coming after {size} bytes"
        raise _failed("Timeout", why, kept(), retryable=True) from late
    except httpx2.TransportError as broken:
        why = f"broke off after {size} bytes: {broken}"
        raise _failed("ConnectionFailed", why, kept(), retryable=True) from broken
    return HttpResponse(status, headers, bytes(content))


def _named(headers: httpx2.Headers) -> dict[str, str]:
    """Return headers by name; several of one name are joined, cookies by line breaks."""
    found = {name.lower(): value for name, value in headers.items()}
    if _COOKIES in found:  # their values hold commas (RFC 9110, section 5.3)
        found[_COOKIES] = "\n".join(headers.get_list(_COOKIES))
    return found


def _decoder(packed: str, most: int) -> tuple[BoundedDecoder, NotDecodable | None]:
    """Return what unpacks a body; where its packing is not known, what leaves it, and why."""
    try:
        return BoundedDecoder(packed, most), None
    except NotDecodable as unknown:
        return BoundedDecoder("", most), unknown


def _failed(
    kind: str, why: str, answer: HttpResponse, *, retryable: bool = False
) -> ResponseUnreadable:
    message = f"the answer ({described(answer.status, answer.headers)}) {why}"
    return ResponseUnreadable(kind, message, answer, retryable=retryable)


async def _chunks(response: httpx2.Response) -> AsyncIterator[bytes]:
    assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 - for the types
    async for chunk in response.stream:
        yield chunk


async def _drained(response: httpx2.Response) -> None:
    """Read the rest of the body for a moment, whatever it is."""
    left = _DRAINED_BYTES
    with contextlib.suppress(TimeoutError, httpx2.TransportError):
        async with asyncio.timeout(_DRAINED_S):
            async for chunk in _chunks(response):
                left -= len(chunk)
                if left < 0:
                    return


@contextlib.contextmanager
def _attributed(timeout_s: float | None, hearing: Heard) -> Iterator[None]:
    """Turn a failure before the answer began into a failure of the step, with what came."""
    try:
        yield
    except TimeoutError as late:
        message = f"{_came(hearing)} within {timeout_s:g} seconds"
        raise StepBroke("Timeout", message) from late
    except httpx2.TimeoutException as late:
        raise StepBroke("Timeout", f"{_came(hearing)} in time") from late
    except RedirectRefused as refused:
        raise StepBroke("RedirectRefused", str(refused), retryable=False) from refused
    except httpx2.LocalProtocolError as wrong:
        message = f"the request cannot be sent: {wrong}"
        raise StepBroke("InvalidRequest", message, retryable=False) from wrong
    except httpx2.ProxyError as refused:
        hearing.forget()  # the status is the proxy's
        message = f"the proxy does not connect to {hearing.place}: {refused}"
        raise StepBroke("ConnectionFailed", message) from refused
    except httpx2.TransportError as failed:
        if isinstance(failed.__cause__, AddressNotAllowed):
            raise StepBroke("AddressNotAllowed", str(failed), retryable=False) from failed
        raise StepBroke("ConnectionFailed", f"{_why(failed, hearing)}: {failed}") from failed


def _why(failed: httpx2.TransportError, hearing: Heard) -> str:
    """Return what the failure of a connection means for the answer."""
    if hearing.status == _SWITCHING:
        return f"{hearing.place} switches to another protocol (status 101), which was not asked for"
    if isinstance(failed, httpx2.RemoteProtocolError) and _CLOSED not in str(failed):
        status = "" if hearing.status is None else f" (status {hearing.status})"
        return f"the answer{status} is not valid HTTP, from {hearing.place}"
    return _came(hearing)


def _came(hearing: Heard) -> str:
    if hearing.status is not None:
        return f"only the status {hearing.status} from {hearing.place}"
    if hearing.other:
        return f"something that is not HTTP ('{hearing.other}') from {hearing.place}"
    return f"no answer from {hearing.place}"
