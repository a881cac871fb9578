"""Deletes ended runs in parts of limited size, their children first.

A child run is part of its parent's history and is only deleted with it. Deletions are counted, so
that `verify` can tell a deletion from a loss. The largest run number ever used is kept, so that no
id is used twice. Uploaded files stay: only a definition knows which run uses a file.
"""

from typing import Any

from engine.value import value
from journal.connection import ALL_ROWS, Connection
from journal.errors import ChildOf, NotEnded, UnknownRun
from journal.histories.ended_runs import EndedRuns
from journal.histories.start_keys import outlive
from journal.reading.readers import Readers
from journal.rows.run_ids import run_id, run_number
from journal.writing.transaction import UNCOUNTED
from journal.writing.writer import Writer

_TREE = """
    WITH RECURSIVE tree (id, depth) AS (
        SELECT ?, 0
        UNION ALL
        SELECT c.id, depth + 1 FROM runs c JOIN tree ON c.parent = tree.id
    )
"""
_MOST_EVENTS = 2_000


@value(frozen=True, slots=True)
class Deleted:
    """The result of one part of a deletion; `is_whole` if nothing of the run is left."""

    runs: int
    events: int
    is_whole: bool


@value(frozen=True, slots=True)
class RetentionGroup:
    """Ended runs of one tenant and status that retention looks at.

    Attributes:
        before_ms: Runs that ended before this moment are deleted.
        keep: Runs that are not among this many newest are deleted.
    """

    tenant: str
    status: str
    before_ms: int | None
    keep: int | None


class Removal:
    """Deletes runs, and finds those that are old enough to be deleted."""

    def __init__(self, writer: Writer, readers: Readers, ended: EndedRuns[Any]) -> None:
        self._writer = writer
        self._readers = readers
        self._ended = ended

    async def delete(self, tenant: str, root_id: str, most: int) -> Deleted:
        """Delete a run with its children, at most `most` runs of them; durable on return.

        Raises:
            UnknownRun: There is no such run, or it is another tenant's.
            ChildOf: It is a child, which is deleted with its parent.
            NotEnded: It, or a child of it, has not ended.
        """
        number = run_number(root_id)

        def work(connection: Connection) -> Deleted:
            _must_be_deletable(connection, tenant, number)
            rows = connection.execute(
                f"{_TREE} SELECT tree.id, r.seq FROM tree JOIN runs r ON r.id = tree.id"
                " ORDER BY depth DESC, tree.id LIMIT ?",
                (number, most),
            ).fetchall()
            going, events = list[tuple[int]](), 0
            for one, seq in rows:
                if going and events + seq > _MOST_EVENTS:
                    break
                going.append((one,))
                events += seq
            outlive(connection, going)
            connection.executemany("DELETE FROM runs WHERE id = ?", going)
            _count(connection, len(going), events, max(one for (one,) in going))
            return Deleted(len(going), events, is_whole=going[-1] == (number,))

        with self._ended.deleting():
            deleted: Deleted = await self._writer.write(work, UNCOUNTED)
        return deleted

    async def tenants(self) -> list[str]:
        """Return every tenant that has runs."""
        found: list[str] = []
        last = ""
        while True:
            row = await self._readers.one("SELECT min(tenant) FROM runs WHERE tenant > ?", (last,))
            if row[0] is None:
                return found
            last = str(row[0])
            found.append(last)

    async def due(
        self, group: RetentionGroup, after: tuple[int, int], limit: int
    ) -> list[tuple[int, int, str]]:
        """Return (ended at, number, id) of runs to delete, the oldest first, from `after` on."""
        last = await self._last_to_go(group)
        if last is None:
            return []
        rows = await self._readers.all(
            "SELECT ended_at_ms, id FROM runs WHERE tenant = ? AND status = ? AND parent IS NULL"
            " AND ended_at_ms IS NOT NULL AND (ended_at_ms, id) > (?, ?)"
            " AND (ended_at_ms, id) <= (?, ?) ORDER BY ended_at_ms, id LIMIT ?",
            (group.tenant, group.status, *after, *last, limit),
        )
        return [(ended, number, run_id(number)) for ended, number in rows]

    async def total(self, group: RetentionGroup, most: int | None = None) -> tuple[int, int | None]:
        """Return how many runs of a group are to be deleted, without children, and the oldest end.

        They are counted up to `most`.
        """
        last = await self._last_to_go(group)
        if last is None:
            return 0, None
        count, oldest = await self._readers.one(
            "SELECT count(*), min(ended_at_ms) FROM (SELECT ended_at_ms FROM runs"
            " INDEXED BY runs_by_end WHERE tenant = ? AND status = ? AND parent IS NULL"
            " AND ended_at_ms IS NOT NULL AND (ended_at_ms, id) <= (?, ?)"
            " ORDER BY ended_at_ms LIMIT ?) AS going",
            (group.tenant, group.status, *last, ALL_ROWS if most is None else most),
        )
        return int(count), oldest

    async def _last_to_go(self, group: RetentionGroup) -> tuple[int, int] | None:
        """Return (ended at, number) of the youngest run to delete."""
        cuts: list[tuple[int, int]] = []
        if group.before_ms is not None:
            cuts.append((group.before_ms, -1))
        if group.keep is not None:
            row = await self._readers.one(
                "SELECT ended_at_ms, id FROM runs WHERE tenant = ? AND status = ?"
                " AND parent IS NULL AND ended_at_ms IS NOT NULL"
                " ORDER BY ended_at_ms DESC, id DESC LIMIT 1 OFFSET ?",
                (group.tenant, group.status, group.keep),
            )
            if row:
                cuts.append((int(row[0]), int(row[1])))
        return max(cuts, default=None)


def _must_be_deletable(connection: Connection, tenant: str, number: int) -> None:
    rows = list(connection.execute("SELECT tenant, parent FROM runs WHERE id = ?", (number,)))
    if not rows or rows[0][0] != tenant:
        raise UnknownRun(run_id(number))
    if rows[0][1] is not None:
        raise ChildOf(run_id(number), run_id(rows[0][1]))
    is_open = connection.execute(
        f"{_TREE} SELECT r.id FROM tree JOIN runs r ON r.id = tree.id"
        " WHERE r.ended_at_ms IS NULL LIMIT 1",
        (number,),
    ).fetchall()
    for (one,) in is_open:
        raise NotEnded(run_id(one))


def _count(connection: Connection, runs: int, events: int, largest: int) -> None:
    for key, more in (("deleted_runs", runs), ("deleted_events", events)):
        connection.execute(
            "UPDATE meta SET value = CAST(CAST(value AS BIGINT) + ? AS TEXT) WHERE key = ?",
            (more, key),
        )
    connection.execute(
        "INSERT INTO meta (key, value) VALUES ('last_run_number', ?) ON CONFLICT (key) DO UPDATE"
        " SET value = excluded.value"
        " WHERE CAST(meta.value AS BIGINT) < CAST(excluded.value AS BIGINT)",
        (str(largest),),
    )
