"""An event as the outside sees it: one JSON object, bounded, the same for streams and webhooks."""

import json
from dataclasses import dataclass

from app import log
from app.events.catalogue import KINDS
from engine import Json, JsonObject, iso_time
from journal import Corrupt, EventPages, EventRow

LARGEST_FIELD = 8_192
"""Bytes that one field may have as JSON; a larger one is left out."""

UNREADABLE = "event.unreadable"
"""The name of an event that the journal holds and nobody can read any more."""

_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Told:
    """One event, ready to be sent: `data` has the fields, `text` is their JSON."""

    position: int
    name: str
    data: JsonObject
    digest: bytes

    @property
    def text(self) -> str:
        """The fields as JSON, in one line."""
        return _encoder.encode(self.data)


async def told(pages: EventPages, row: EventRow) -> Told:
    """Give an event as it is told.

    One that cannot be understood is told as unreadable: it must neither end a stream of
    others' events nor go unnoticed. Raises `UnknownEvent` when it was deleted meanwhile.
    """
    data: JsonObject = {"runId": row.run_id, "workflowId": row.workflow_id}
    if row.parent_run_id is not None:
        data["parentRunId"] = row.parent_run_id
    data |= {"seq": row.seq, "position": row.position}
    try:
        event = await pages.event(row)
    except Corrupt as corrupt:
        log.event_unreadable(corrupt)
        data |= {"type": UNREADABLE, "time": iso_time(row.at_ms), "error": str(corrupt)}
        return Told(row.position, UNREADABLE, data, row.hash)
    kind = KINDS[type(event)]
    data |= {"type": kind.name, "time": iso_time(row.at_ms)}
    for name, source in (("stepId", "step_id"), ("visit", "visit")):
        if (value := getattr(event, source, None)) is not None:
            data[name] = value
    data |= _bounded(kind.shows(event))
    if kind.status is not None:
        data["status"] = kind.status.value
    return Told(row.position, kind.name, data, row.hash)


def _bounded(fields: JsonObject) -> JsonObject:
    """Leave out what is too large, and say of it how many bytes it has."""
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
