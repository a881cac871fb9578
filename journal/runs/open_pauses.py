"""Who is asked by open pauses, and by when: written with the runs' events, read by the inbox."""

import json
from collections.abc import Sequence
from datetime import datetime

from engine import SIGNAL_PAUSE, Event, Json, Pause, PauseChanged, Run, RunPaused, State
from journal.reading.readers import Readers
from journal.rows.run_ids import run_number
from journal.rows.run_projection import Statement, Turn

_GONE = "DELETE FROM open_pauses WHERE run = ?"
_KEEP = "INSERT INTO open_pauses VALUES (?, ?, ?, ?, ?)"
_NAME = (
    "INSERT INTO open_pause_people"
    " SELECT DISTINCT CAST(? AS TEXT), value, CAST(? AS BIGINT) FROM json_each(?)"
)


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
