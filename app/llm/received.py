"""Reads an answer from HTTP: one JSON document, or a stream of them."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import httpx2

from app.concurrency.offload import LONG_BYTES, offload
from app.llm.failures import ProviderError, Unreadable

_LONGEST_EVENT_BYTES = 32 * 1_048_576
_DONE = "[DONE]"
_ENDS_WITHIN_S = 1.0
_EVENTS = "text/event-stream"
_LINES = frozenset(
    f"application/{name}" for name in ("x-ndjson", "ndjson", "jsonl", "x-jsonlines", "stream+json")
)
"""The media types of streams with a JSON document in each line."""

_NOTHING_SAID = ("", "text/plain", "application/octet-stream")


def is_stream(response: httpx2.Response, *, asked: bool) -> bool:
    """Return whether the answer is a stream, which may differ from what was `asked`."""
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == _EVENTS or media_type in _LINES or (asked and media_type in _NOTHING_SAID)


class _Labelled(httpx2.AsyncByteStream):
    """The bytes of a stream, in which a line that is only a JSON object is an event too."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        begins, is_bare = True, False
        async for chunk in self._response.aiter_bytes():
            given = bytearray()
            for line in chunk.splitlines(keepends=True):
                if begins and line.startswith(b"{"):  # no field of an event begins so
                    given += b"data: "
                    is_bare = True
                given += line
                begins = line.endswith((b"\n", b"\r"))
                if begins and is_bare:
                    given += b"\n"
                    is_bare = False
            yield bytes(given)
        if is_bare:
            yield b"\n\n"


async def document(response: httpx2.Response) -> dict[str, Any]:
    """Return the complete answer. Raises `Unreadable`."""
    value = await _read(await response.aread())
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        raise Unreadable("it is not a JSON object", json.dumps(value))
    return value


async def _read(content: bytes) -> Any:
    """Return the JSON value of a text, parsed in a thread if it is long. Raises `Unreadable`."""
    is_long = len(content) > LONG_BYTES
    return await offload(partial(_parsed, content)) if is_long else _parsed(content)


async def events(response: httpx2.Response) -> AsyncIterator[dict[str, Any] | None]:
    """Iterate over the documents of a stream; None is the mark that ends it.

    What may follow that mark is not part of the answer. It is read, so that the connection can be
    used again, and ignored.

    Raises:
        ProviderError: An event reports an error.
        Unreadable: An event is not JSON.
    """
    labelled = httpx2.Response(
        response.status_code,
        headers={"content-type": _EVENTS},
        stream=_Labelled(response),
        request=response.request,
    )
    source = aiter(httpx2.EventSource(labelled, max_event_size=_LONGEST_EVENT_BYTES))
    async for event in source:
        data = event.data.strip()
        if not data:
            continue
        if data == _DONE:
            yield None
            with suppress(TimeoutError, httpx2.HTTPError, ValueError):
                async with asyncio.timeout(_ENDS_WITHIN_S):
                    async for _ in source:
                        pass
            return
        if event.event == "error":
            raise ProviderError(_parsed_or_text(data), response)
        value = await _read(data.encode(errors="surrogatepass"))
        if isinstance(value, dict):
            if value.get("error"):
                raise ProviderError(value, response)
            yield value


def no_answer(found: Mapping[str, Any], response: httpx2.Response) -> Exception:
    """Return the failure for a document that contains no answer."""
    is_error = found.get("error") or "error" in (found.get("object"), found.get("type"))
    if is_error or isinstance(found.get("message") or found.get("detail"), str):
        return ProviderError(found, response)
    return Unreadable("it holds no answer", json.dumps(found, default=str))


def cut_short() -> Unreadable:
    """Return the failure for a stream that stopped in the middle."""
    return Unreadable("it ended before it was complete")


def _parsed(content: bytes) -> object:
    try:
        text = content.decode("utf-8-sig", "surrogatepass").strip()
    except UnicodeDecodeError as odd:
        raise Unreadable("it is not a text", repr(content[:200])) from odd
    if not text:
        raise Unreadable("it is empty")
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as odd:
        raise Unreadable("it is not JSON", text[:2_000]) from odd
    return value


def _parsed_or_text(data: str) -> object:
    try:
        return _parsed(data.encode(errors="surrogatepass"))
    except Unreadable:
        return data
