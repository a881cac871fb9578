"""JSON answers that may be long, made without keeping the event loop."""

import json
from collections.abc import Callable

from starlette.responses import JSONResponse, Response

from app.concurrency.offload import offload
from engine import JsonObject

_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


async def json_answer(make: Callable[[], JsonObject], *, is_long: bool) -> Response:
    """Answer with the document that `make` gives; where it is long, beside the loop."""
    if not is_long:
        return JSONResponse(make())
    return Response(await offload(lambda: _encoded(make())), media_type="application/json")


def _encoded(document: JsonObject) -> bytes:
    """Encode item by item: one call of the encoder cannot be interrupted."""
    parts = []
    for key, value in document.items():
        if isinstance(value, list):
            text = f"[{','.join(map(_encoder.encode, value))}]"
        else:
            text = _encoder.encode(value)
        parts.append(f"{_encoder.encode(key)}:{text}")
    return f"{{{','.join(parts)}}}".encode()
