"""JSON answers that may be long, encoded without blocking the event loop."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

from pydantic_core import to_json
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.concurrency.long_work import long_work
from app.concurrency.offload import offload
from engine import Json, JsonObject

T = TypeVar("T")

_PIECE = 10
"""How many items of a list are encoded before others have their turn."""

_SENT_AT_ONCE = 16 * 1024
"""How many bytes of a long answer are sent before others have their turn."""

_IS_JSON = (b"content-type", b"application/json")

SendJson: TypeAlias = Callable[[int, bytes], bool]
"""Sends a status and a body of JSON, and returns whether it has sent them."""

_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class EncodedAnswer(Response):
    """A document that is JSON already."""

    media_type = "application/json"

    def __init__(self, text: bytes, status: int = 200) -> None:
        self.status_code = status
        self.background = None
        self.body: bytes = text
        self.raw_headers = [(b"content-length", b"%d" % len(text)), _IS_JSON]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, in one piece if the server can do that and it has no fields of its own."""
        send_json: SendJson | None = getattr(send, "send_json", None)
        is_usual = self.raw_headers[-1] is _IS_JSON
        if not (send_json and is_usual and send_json(self.status_code, self.body)):
            await super().__call__(scope, receive, send)


class JsonAnswer(EncodedAnswer):
    """A document as JSON."""

    def __init__(self, document: Json, status: int = 200) -> None:
        super().__init__(as_json(document), status)


def as_json(document: Json) -> bytes:
    """Return a document as JSON. Raises `ValueError` if it contains values that JSON lacks."""
    try:
        # Takes a fifth of the time of the standard library, but accepts values that are not JSON
        # numbers, and refuses very deep nesting.
        text = to_json(document, inf_nan_mode="constants")
    except ValueError:
        text = b""
    if not text or b"NaN" in text or b"Infinity" in text:
        return _encoder.encode(document).encode()
    return text


class LongAnswer(Response):
    """A document as JSON that may be long: it is sent in pieces, and others have turns between."""

    media_type = "application/json"

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.status_code = 200
        self.background = None
        self._pieces = pieces
        self.raw_headers = [(b"content-length", b"%d" % sum(map(len, pieces))), _IS_JSON]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        begin = {"type": "http.response.start", "status": self.status_code}
        await send({**begin, "headers": self.raw_headers})
        gathered, length = list[bytes](), 0
        with long_work() as pause:
            for piece in self._pieces:
                if length >= _SENT_AT_ONCE:
                    await _send_piece(send, gathered, more=True)
                    await pause()
                    gathered, length = [], 0
                gathered.append(piece)
                length += len(piece)
        await _send_piece(send, gathered, more=False)


async def _send_piece(send: Send, gathered: Sequence[bytes], *, more: bool) -> None:
    body = b"".join(gathered)
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def json_answer(make: Callable[[], JsonObject], *, is_long: bool) -> Response:
    """Answer with the document that `make` returns; a long one is made beside the loop."""
    if not is_long:
        return JsonAnswer(make())
    return LongAnswer(await offload(lambda: _in_pieces(_encoded(make()))))


async def list_answer(
    name: str, items: Sequence[T], line: Callable[[T], JsonObject], **more: Json
) -> Response:
    """Answer with a list of what `line` makes of each item, plus `more`; yields to others."""
    pieces = [b"{%b:[" % as_json(name)]
    with long_work() as pause:
        for first in range(0, len(items), _PIECE):
            if first:
                await pause()
                pieces.append(b",")
            pieces.append(as_json([line(item) for item in items[first : first + _PIECE]])[1:-1])
    pieces.append(b"]")
    pieces += [b",%b:%b" % (as_json(key), as_json(more[key])) for key in more]
    pieces.append(b"}")
    if len(items) <= _PIECE:
        return EncodedAnswer(b"".join(pieces))
    await asyncio.sleep(0)
    return LongAnswer(pieces)


def _encoded(document: JsonObject) -> bytes:
    """Encode item by item, because a single call of the encoder cannot be interrupted."""
    parts = []
    for key, value in document.items():
        if isinstance(value, list):
            text = b"[%b]" % b",".join(map(as_json, value))
        else:
            text = as_json(value)
        parts.append(b"%b:%b" % (as_json(key), text))
    return b"{%b}" % b",".join(parts)


def _in_pieces(text: bytes) -> list[bytes]:
    firsts = range(0, len(text), _SENT_AT_ONCE)
    return [text[first : first + _SENT_AT_ONCE] for first in firsts]
