"""What a person was asked at some time: the pause of a run as it stood after one of its events.

The inbox keeps open questions only. Whoever watches the inbox must also be told when a question is
over that they have seen, and whose people the journal no longer lists by then.
"""

from dataclasses import replace

from engine import SIGNAL_PAUSE, Event, Pause, PauseChanged, RunPaused
from journal.reading.readers import Readers
from journal.rows.codec import decode

_KINDS = (RunPaused.__name__, PauseChanged.__name__)
"""Events that leave a run paused for a person; each has a row of its own."""


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
