"""Reads JSON bodies strictly: refuses what is not JSON or could not be stored."""

import asyncio
from functools import partial

from starlette.requests import ClientDisconnect, Request

from app.concurrency.offload import LONG_BYTES, offload
from app.settings.server import Settings
from app.wire.parsing.arrived_body import take_arrived_body
from app.wire.parsing.errors import BadRequest, BodyTimeout, PayloadTooLarge, UnsupportedMediaType
from app.wire.parsing.fields import fields_of
from app.wire.parsing.json_text import parse_json
from engine import JsonObject


def declared_size(request: Request, settings: Settings) -> int:
    """Return how many bytes a request may send: what it declares, else the maximum."""
    most = max(settings.max_body_bytes, settings.max_attachment_bytes)
    declared = fields_of(request.scope).length
    return most if declared is None else min(declared, most)


async def read_body(request: Request, limit: int, timeout_s: float) -> bytes:
    """Read a body, counting bytes as they arrive. Raises `PayloadTooLarge` or `BodyTimeout`."""
    fields = fields_of(request.scope)
    if fields.get("content-encoding"):
        raise UnsupportedMediaType("send the body as it is, without Content-Encoding")
    if fields.length is not None and fields.length > limit:
        raise PayloadTooLarge("the body", limit)
    arrived = take_arrived_body(request.scope)
    if arrived is not None:
        if len(arrived) > limit:
            raise PayloadTooLarge("the body", limit)
        return arrived
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
        raise BadRequest("the client disconnected in the middle of the body") from gone
    return bytes(body)


async def json_body(request: Request, settings: Settings, *, required: bool = True) -> JsonObject:
    """Return a request's JSON object; an empty body gives `{}` unless a body is required."""
    body = await read_body(request, settings.max_body_bytes, settings.body_timeout)
    if not body and not required:
        return {}
    if fields_of(request.scope).kind != "application/json":
        raise UnsupportedMediaType("send JSON, with Content-Type: application/json")
    value = parse_json(body) if len(body) < LONG_BYTES else await offload(partial(parse_json, body))
    if not isinstance(value, dict):
        raise BadRequest("the body must be a JSON object")
    return value
