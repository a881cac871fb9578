"""Reads the newest part of a long history: a snapshot and the events that follow it."""

import asyncio

from engine import IllegalTransition, Json, Run, fold
from engine.value import value
from journal.errors import Corrupt, UnknownRun
from journal.histories.events import Events
from journal.histories.head import Head
from journal.histories.long_runs import LongRuns
from journal.histories.proved import following, pieces
from journal.reading.readers import Readers
from journal.rows.run_ids import run_number
from journal.rows.snapshot_rows import SNAPSHOT, decode_state, digest_of

_SHORT = 2_000
"""A history of so many events is read whole."""

_MOST_CHARACTERS = 4_000_000
"""How many characters of events the runs that stay in memory have together."""


@value(frozen=True, slots=True)
class RecentRun:
    """A run of whose visits only the newest may be there.

    Attributes:
        run: The run; its `past` lacks the earlier visits.
        visits: How many these are.
        summary: Their summary.
    """

    run: Run
    visits: int = 0
    summary: Json = None


class RecentRuns:
    """Runs as their newest visits show them."""

    def __init__(self, events: Events, readers: Readers) -> None:
        self._events = events
        self._readers = readers
        self._kept = LongRuns[tuple[Head, RecentRun]](_MOST_CHARACTERS, 0)

    async def of(self, run_id: str, tenant: str, shown: int) -> RecentRun:
        """Return a tenant's run with its last visits, `shown` at least if it has as many.

        Raises:
            UnknownRun: There is no such run, or it is another tenant's.
            Corrupt: An event is not what was written.
        """
        if whole := await self._events.kept(run_id, tenant):
            return RecentRun(whole[1])
        if (kept := self._kept.get(run_id)) and kept[0].tenant == tenant:
            head, recent = kept
            is_enough = len(recent.run.past) >= shown or not recent.visits
            if is_enough and await self._events.ends_with(head):
                return recent
            self._kept.forget(run_id)
        try:
            _, run = await self._events.folded(run_id, tenant, _SHORT)
        except UnknownRun:
            return await self._of_long(run_id, tenant, shown)
        return RecentRun(run)

    async def _of_long(self, run_id: str, tenant: str, shown: int) -> RecentRun:
        row = await self._readers.by_key(
            "SELECT seq, visits, hash, body, digest FROM run_snapshots s"
            " WHERE run = ? AND schema = ?"
            " AND visits <= (SELECT max(visits) FROM run_snapshots n WHERE n.run = s.run) - ?"
            " ORDER BY visits DESC LIMIT 1",
            (run_number(run_id), SNAPSHOT, shown),
        )
        found = None if row is None else await self._after(run_id, tenant, *row)
        if found is None:
            _, run = await self._events.run(run_id, tenant)
            return RecentRun(run)
        head, recent = found
        self._kept.keep(run_id, lambda: (head, recent), head.seq, head.characters)
        return recent

    async def _after(  # noqa: PLR0913 - the columns of a snapshot
        self,
        run_id: str,
        tenant: str,
        seq: int,
        visits: int,
        before: bytes,
        body: str,
        digest: bytes,
    ) -> tuple[Head, RecentRun] | None:
        """Return a run by a snapshot and what follows it; None if that does not fit together."""
        rows = await self._readers.all(
            "SELECT r.tenant, e.seq, e.type, e.schema, e.at_ms, e.body, e.hash, r.seq, r.head"
            " FROM runs r JOIN events e ON e.run = r.id"
            " WHERE r.id = ? AND r.tenant = ? AND e.seq > ? ORDER BY e.seq",
            (run_number(run_id), tenant, seq),
        )
        if not rows or digest != digest_of(before, seq, visits, body):
            return None
        end, characters = seq, 0
        try:
            run, summary = decode_state(body)
            for piece in pieces(rows):
                await asyncio.sleep(0)
                for row in piece:
                    events = following(run_id, row[1:7], end, before)
                    run = fold(events, run)
                    end, before = row[1], row[6]
                    characters += len(row[5])
        except (ValueError, Corrupt, IllegalTransition):
            return None
        if (end, before) != rows[-1][7:9]:
            return None
        return Head(run_id, tenant, end, before, characters), RecentRun(run, visits, summary)
