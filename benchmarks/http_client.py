"""An HTTP client of low cost, since it shares the cores with the measured system.

One keep-alive connection per caller, one write and two reads per request, no parsing except the
length of the body.
"""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.error import HTTPError

from benchmarks.closed_loop import Call, Connect


class Refused(Exception):
    """An answer differs from the one that the load expects."""


def requests(  # noqa: PLR0913 - the parts of a request
    port: int,
    method: str,
    path: str,
    body: bytes = b"",
    *,
    headers: Mapping[str, str] | None = None,
    expect: bytes = b"",
) -> Connect:
    """Return a function that connects a caller of this request; `expect` must be in the answer."""
    fields = {"host": f"127.0.0.1:{port}", **(headers or {})}
    if body:
        fields |= {"content-type": "application/json", "content-length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    request = f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body

    @asynccontextmanager
    async def connect() -> AsyncIterator[Call]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def call() -> None:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            answer = await reader.readexactly(_length(head))
            if not head.startswith(b"HTTP/1.1 20") or expect not in answer:
                raise Refused(head[:200] + answer[:500])

        try:
            yield call
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    return connect


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    if at < 0:
        raise Refused(head[:300])
    return int(head[at + 15 : head.index(b"\r\n", at)])


def ask(method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
    """Send one request and return the JSON of its answer, for requests that are not measured."""
    data = None if body is None else json.dumps(body).encode()
    fields = {"content-type": "application/json", "accept": "application/json"}
    request = urllib.request.Request(url, data, {**fields, **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
    except HTTPError as refused:
        refused.close()
        raise
    return json.loads(text) if text else None
