"""Who is asked by open pauses, and by when: written with the runs' events, read by the inbox.

Only open questions have rows. Whoever watches the inbox must also be told when a question is over
that they have seen, and whose people no row lists by then: its run's events say it.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from engine import SIGNAL_PAUSE, Event, Json, Pause, PauseChanged, Run, RunPaused, State
from journal.reading.readers import Readers
from journal.rows.codec import decode
from journal.rows.run_ids import run_number
from journal.rows.run_projection import Statement, Turn

_GONE = "DELETE FROM open_pauses WHERE run = ?"
_KEEP = "INSERT INTO open_pauses VALUES (?, ?, ?, ?, ?)"
_NAME = (
    "INSERT INTO open_pause_people"
    " SELECT DISTINCT CAST(? AS TEXT), value, CAST(? AS BIGINT) FROM json_each(?)"
)

_KINDS = (RunPaused.__name__, PauseChanged.__name__)
"""Events that leave a run paused for a person; each has a row of its own."""


class OpenPauses:
    """The rows of pauses that name somebody or have a deadline."""

    def __init__(self) -> None:
        self._has_some = True

    async def load(self, readers: Readers) -> None:
        """Check whether there are any rows, so that ordinary pauses cost nothing."""
        row = await readers.one("SELECT EXISTS (SELECT 1 FROM open_pauses)")
        self._has_some = bool(row[0])

    def share(self) -> None:
        """Prepare for rows that other processes write."""
        self._has_some = True

    def kept(
        self, tenant: str, run: Run, events: Sequence[Event], before: Turn | None
    ) -> list[Statement]:
        """Return the statement that updates the rows of a run after its events."""
        if not events:
            return []
        last = events[-1]
        number = run_number(run.id)
        is_gone = self._has_some and before is not None and before[1] == State.PAUSED
        gone: list[Statement] = [(_GONE, (number,))] if is_gone else []
        if not isinstance(last, RunPaused | PauseChanged) or run.pause is None:
            return gone
        pause = run.pause
        if pause.run_id is not None or pause.type == SIGNAL_PAUSE:
            return gone
        due_ms, assignees = _due_ms(pause), _listed(pause, "assignees")
        is_open = "assignees" not in pause.body
        if due_ms is None and is_open and isinstance(last, RunPaused):
            return gone
        self._has_some = True
        claimed = pause.body.get("claimedBy")
        names = [*assignees, *([claimed] if claimed else [])]
        folded = json.dumps([str(name).casefold() for name in names], ensure_ascii=False)
        row = (number, tenant, run.pause_seq, due_ms, int(is_open))
        return [(_GONE, (number,)), (_KEEP, row), (_NAME, (tenant, number, folded))]


def _listed(pause: Pause, key: str) -> list[Json]:
    found = pause.body.get(key)
    return found if isinstance(found, list) else []


def _due_ms(pause: Pause) -> int | None:
    try:
        return round(datetime.fromisoformat(str(pause.body["deadline"])).timestamp() * 1_000)
    except (KeyError, ValueError):
        return None


class Asked:
    """Queries for earlier states of pauses."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    async def after(self, run: int, seq: int) -> Pause | None:
        """Return what a run's event left open for a person; None if that is nothing.

        A pause for a child run is the child's own, and a signal is no person's answer.
        """
        event = await self._event(run, seq)
        if isinstance(event, PauseChanged):
            began = await self._readers.one(
                "SELECT max(seq) FROM events WHERE run = ? AND seq < ? AND type = 'RunPaused'",
                (run, seq),
            )
            first = None if began is None else await self._event(run, int(began[0] or 0))
            if not isinstance(first, RunPaused):
                return None
            pause = replace(first.pause, body={**first.pause.body, **event.body})
        elif isinstance(event, RunPaused):
            pause = event.pause
        else:
            return None
        return None if pause.run_id is not None or pause.type == SIGNAL_PAUSE else pause

    async def _event(self, run: int, seq: int) -> Event | None:
        row = await self._readers.by_key(
            "SELECT type, schema, at_ms, body FROM events WHERE run = ? AND seq = ?", (run, seq)
        )
        if row is None or row[0] not in _KINDS:
            return None
        try:
            return decode(*row)
        except ValueError:
            return None
