"""The state of a run as text: its fold without the visits that have ended.

A snapshot is made where a run has just entered a step, so the visit it is in has no more to it than
its beginning. That is the case after most appends; the others are passed over.
"""

from dataclasses import MISSING, fields
from hashlib import sha256
from typing import Any

from engine import Json, Run, State, Visit
from journal.rows.codec import built, nested_in, parsed, stored_fields, text_of

SNAPSHOT = 1
"""The number of the format, stored with each snapshot; others are not read.

It grows whenever a run gets or loses a field, or a fold of the same events gives another run.
"""

_APART = frozenset({"state", "current", "past", "held", "started_text"})
_NESTED = {name: kind for name, kind in nested_in(Run).items() if name not in _APART}
_FIELDS = tuple(
    (one.name, one.default if one.default_factory is MISSING else one.default_factory())
    for one in fields(Run)
    if one.name not in _APART
)


def entered_of(run: Run) -> tuple[Any, ...] | None:
    """Return what there is of the visit that a run is in; None if that is more than a beginning."""
    visit = run.current
    if visit is None or run.held is not None:
        return None
    entered = (visit.step_id, visit.visit, visit.step_type, visit.step_name, visit.started_at_ms)
    return entered if visit == Visit.entered(*entered) else None


def encode_state(run: Run, entered: tuple[Any, ...], summary: Json) -> str:
    """Return the state of a run, with a summary of its visits that have ended."""
    values: dict[str, Any] = {"state": str(run.state), "current": entered, "summary": summary}
    for name, default in _FIELDS:
        item = getattr(run, name)
        if item == default and type(item) is type(default):
            continue
        if name not in _NESTED:
            values[name] = item
        elif isinstance(item, tuple):
            values[name] = [stored_fields(one) for one in item]
        else:
            values[name] = stored_fields(item)
    return text_of(values)


def decode_state(body: str) -> tuple[Run, Json]:
    """Return a run without the visits that have ended, and their summary. Raises `ValueError`."""
    values = parsed(body)
    try:
        summary = values.pop("summary")
        for name, kind in _NESTED.items():
            item = values.get(name)
            if isinstance(item, list):
                values[name] = tuple(kind(**built(kind.__name__, one)) for one in item)
            elif item is not None:
                values[name] = kind(**built(kind.__name__, item))
        current = Visit.entered(*values.pop("current"))
        return Run(state=State(values.pop("state")), current=current, **values), summary
    except (AttributeError, KeyError, TypeError) as mismatch:
        raise ValueError(f"is not the state of a run: {mismatch}") from mismatch


def digest_of(head: bytes, seq: int, visits: int, body: str) -> bytes:
    """Return what proves that a snapshot is as it was written, after the event with this hash."""
    return sha256(b"%b %d %d %b" % (head, seq, visits, body.encode())).digest()
