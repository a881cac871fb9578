"""The `Idempotency-Key` of a request, following the draft of the IETF HTTP working group."""

from starlette.requests import Request

from app.wire.parsing.errors import BadRequest

_LONGEST_KEY = 255


def idempotency_key(request: Request) -> str | None:
    """Return the request's `Idempotency-Key`, or None. Raises `BadRequest`."""
    key = request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= _LONGEST_KEY and key.isprintable()):
        raise BadRequest(f"Idempotency-Key must have 1 to {_LONGEST_KEY} printable characters")
    return key
