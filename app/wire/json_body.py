"""JSON bodies, read strictly: what is not JSON, or could not be kept, is refused."""

import asyncio
import json
import math
from functools import partial
from typing import Any

from starlette.requests import ClientDisconnect, Request

from app.concurrency.offload import LONG_BYTES, offload
from app.settings.server import Settings
from app.wire.errors import BadRequest, BodyTimeout, PayloadTooLarge, UnsupportedMediaType
from engine import Json, JsonObject

_DEEPEST = 64
_MOST_VALUES = 100_000
_LARGEST_INTEGER = 2**53


def declared_size(request: Request, settings: Settings) -> int:
    """Return how many bytes a request may bring: what it declares, else the most that is taken."""
    most = max(settings.max_body_bytes, settings.max_attachment_bytes)
    declared = request.headers.get("content-length", "")
    return min(int(declared), most) if declared.isdecimal() and len(declared) < 20 else most  # noqa: PLR2004


async def read_body(request: Request, limit: int, timeout_s: float) -> bytes:
    """Read a body, counting as it arrives. Raises `PayloadTooLarge` or `BodyTimeout`."""
    if request.headers.get("content-encoding"):
        raise UnsupportedMediaType("send the body as it is, without Content-Encoding")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and len(declared) < 20 and int(declared) > limit:  # noqa: PLR2004
        raise PayloadTooLarge("the body", limit)
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise PayloadTooLarge("the body", limit)
    except TimeoutError as late:
        raise BodyTimeout(f"the body did not arrive within {timeout_s:g} seconds") from late
    except ClientDisconnect as gone:
        raise BadRequest("the client went away in the middle of the body") from gone
    return bytes(body)


async def json_body(request: Request, settings: Settings, *, required: bool = True) -> JsonObject:
    """Return a request's JSON object; `{}` for an empty body unless it is required."""
    body = await read_body(request, settings.max_body_bytes, settings.body_timeout)
    if not body and not required:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMediaType("send JSON, with Content-Type: application/json")
    value = parse_json(body) if len(body) < LONG_BYTES else await offload(partial(parse_json, body))
    if not isinstance(value, dict):
        raise BadRequest("the body must be a JSON object")
    return value


def parse_json(body: bytes, what: str = "the body") -> Json:
    """Return the value of JSON text.

    Args:
        body: The text.
        what: What it is called in messages.

    Raises:
        BadRequest: The text is not acceptable; the message names the place of the fault.
    """
    try:
        text = body.decode("utf-8")
        value: Json = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse,
            parse_float=finite,
            parse_int=integer,
        )
    except UnicodeDecodeError as wrong:
        raise BadRequest(f"{what} is not UTF-8 at byte {wrong.start}") from wrong
    except json.JSONDecodeError as wrong:
        place = f"line {wrong.lineno} column {wrong.colno}"
        raise BadRequest(f"{what} is not valid JSON: {wrong.msg} at {place}") from wrong
    except ValueError as wrong:
        raise BadRequest(f"{what} is not acceptable JSON: {wrong}") from wrong
    except RecursionError as deep:
        raise BadRequest(f"{what} is nested deeper than {_DEEPEST} levels") from deep
    check_bounds(value, what)
    if b"\\u" in body:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as lone:
            raise BadRequest(f"{what} holds half of a surrogate pair (\\ud800-\\udfff)") from lone
    return value


def check_bounds(value: Json, what: str) -> None:
    """Refuse a value that is nested too deep or holds too much. Raises `BadRequest`."""
    todo: list[tuple[Json, int]] = [(value, 1)]
    count = 0
    while todo:
        item, depth = todo.pop()
        count += 1
        if depth > _DEEPEST:
            raise BadRequest(f"{what} is nested deeper than {_DEEPEST} levels")
        if count > _MOST_VALUES:
            raise BadRequest(f"{what} holds more than {_MOST_VALUES} values")
        if isinstance(item, dict):
            todo.extend((nested, depth + 1) for nested in item.values())
        elif isinstance(item, list):
            todo.extend((nested, depth + 1) for nested in item)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"the key {name[:80]!r} is there twice in one object")
            seen.add(name)
    return found


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")


def finite(text: str) -> float:
    """Return a number that is not whole. Raises `ValueError` for one beyond all numbers."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def integer(text: str) -> int:
    """Return a whole number. Raises `ValueError` for one that not every reader keeps as it is."""
    if len(text) > 17 or abs(int(text)) > _LARGEST_INTEGER:  # noqa: PLR2004 - digits of 2**53
        raise ValueError(f"the number {text[:40]} is beyond 2^53; send it as a string")
    return int(text)
