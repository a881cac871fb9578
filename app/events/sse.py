"""Writes server-sent events as the HTML standard defines them (section 9.2)."""

import json

from app.events.document import EventDocument
from engine import JsonObject

RETRY_MS = 2_000
"""How long a client that lost its connection is asked to wait."""


def frame(event: EventDocument) -> str:
    """Return the lines of one event."""
    return f"id: {event.position}\nevent: {event.name}\ndata: {event.text}\n\n"


def delta_frame(delta: JsonObject) -> str:
    """Return the lines of a piece of an answer; without an `id`, since it is not stored."""
    text = json.dumps(delta, ensure_ascii=False, separators=(",", ":"))
    return f"event: {delta['type']}\ndata: {text}\n\n"


def opening() -> str:
    """Return the lines that begin a stream."""
    return f"retry: {RETRY_MS}\n\n"


def mark(position: int) -> str:
    """Return lines that are not an event, but move the position a reader resumes from.

    By the standard, an `id` without `data` dispatches no event and is remembered.
    """
    return f"id: {position}\n\n"


HEARTBEAT = ": heartbeat\n\n"
