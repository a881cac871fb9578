"""An event as one JSON object of bounded size, the same for streams and webhooks."""

import json
from dataclasses import dataclass

from app.events.catalogue import KINDS
from app.telemetry import log
from engine import Event, Json, JsonObject, RunPaused, iso_time
from journal import Corrupt, EventPages, EventRow

LARGEST_FIELD = 8_192
"""The greatest size of one field as JSON, in bytes; a larger field is left out."""

UNREADABLE = "event.unreadable"
"""The public name of an event in the journal that can no longer be read."""

_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class EventDocument:
    """One event, ready to be sent: `data` has the fields, `text` is their JSON."""

    position: int
    name: str
    data: JsonObject
    digest: bytes

    @property
    def text(self) -> str:
        """The fields as JSON, in one line."""
        return _encoder.encode(self.data)


async def event_document(pages: EventPages, row: EventRow) -> EventDocument:
    """Return an event ready to be sent. Raises `UnknownEvent` if it was deleted meanwhile.

    An event that cannot be read is sent as unreadable: it must neither end a stream of other events
    nor go unnoticed.
    """
    try:
        return readable(row, await pages.event(row))
    except Corrupt as corrupt:
        log.event_unreadable(corrupt)
        data = _head(row, UNREADABLE)
        return EventDocument(row.position, UNREADABLE, {**data, "error": str(corrupt)}, row.digest)


def readable(row: EventRow, event: Event) -> EventDocument:
    """Return an event ready to be sent, from its row and the row's content."""
    kind = KINDS[type(event)]
    data = _head(row, kind.name)
    for name, source in (("stepId", "step_id"), ("visit", "visit")):
        if (value := getattr(event, source, None)) is not None:
            data[name] = value
    shown = kind.shows(event)
    if isinstance(event, RunPaused):
        shown["pauseSignal"] = event.pause.shown(row.run_id, row.seq)
    data |= _bounded(shown)
    if kind.status is not None:
        data["status"] = kind.status.value
    return EventDocument(row.position, kind.name, data, row.digest)


def _head(row: EventRow, name: str) -> JsonObject:
    """Return the fields that every event has."""
    parent: JsonObject = {} if row.parent_run_id is None else {"parentRunId": row.parent_run_id}
    return {
        "type": name,
        "time": iso_time(row.at_ms),
        "runId": row.run_id,
        "workflowId": row.workflow_id,
        **parent,
        "seq": row.seq,
        "position": row.position,
    }


def _bounded(fields: JsonObject) -> JsonObject:
    """Replace fields that are too large by a note of their size in bytes."""
    shown: JsonObject = {}
    omitted: dict[str, Json] = {}
    for name, value in fields.items():
        if isinstance(value, dict | list | str):
            size = len(_encoder.encode(value).encode())
            if size > LARGEST_FIELD:
                omitted[name] = size
                continue
        shown[name] = value
    if omitted:
        shown["omitted"] = omitted
    return shown
