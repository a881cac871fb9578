"""The text of server-sent events, as the HTML standard has it (section 9.2)."""

import json

from app.events.document import Told
from engine import JsonObject

RETRY_MS = 2_000
"""How long a reader that lost its connection is asked to wait."""


def frame(event: Told) -> str:
    """Return the lines of one event."""
    return f"id: {event.position}\nevent: {event.name}\ndata: {event.text}\n\n"


def delta_frame(delta: JsonObject) -> str:
    """Return the lines of a piece of an answer; without a place, since it is not kept."""
    text = json.dumps(delta, ensure_ascii=False, separators=(",", ":"))
    return f"event: {delta['type']}\ndata: {text}\n\n"


def opening() -> str:
    """Return the lines that a stream begins with."""
    return f"retry: {RETRY_MS}\n\n"


def mark(position: int) -> str:
    """Return lines that are no event and still move what a reader resumes from.

    By the standard an `id` without `data` dispatches nothing and is remembered.
    """
    return f"id: {position}\n\n"


HEARTBEAT = ": heartbeat\n\n"
