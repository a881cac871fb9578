"""The outbox: which events are still to be sent to a webhook, and the result of each attempt.

Of the pending deliveries of one run only the first is due at some moment; settling it makes the
next one due, in the same transaction. A delivery that is to be sent again keeps its place in that
order: those after it wait, unless they are under way.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict

from engine.value import value
from journal.connection import Connection
from journal.errors import UnknownDelivery
from journal.histories.event_pages import EventRow
from journal.reading.readers import Readers
from journal.rows.columns import columns
from journal.rows.run_ids import run_id
from journal.writing.transaction import UNCOUNTED
from journal.writing.writer import Writer

MOST_COUNTED = 1_000
"""The count of the deliveries in one state stops here."""

_ANEW = "UPDATE deliveries SET state = 'pending', attempts = 0, first_at_ms = NULL"
_IN_ORDER = """
    UPDATE deliveries SET next_at_ms = iif(position = (
        SELECT min(first.position) FROM deliveries first WHERE first.webhook = :webhook
        AND first.run = deliveries.run AND first.state = 'pending'), :now, NULL)
    WHERE webhook = :webhook AND state = 'pending'
"""
_COUNTS = """
    SELECT asked.value, states.state, (
        SELECT count(*) FROM (
            SELECT 1 FROM deliveries
            WHERE webhook = asked.value AND state = states.state LIMIT :most
        ) AS found
    ) FROM json_each(:webhooks) AS asked JOIN (
        SELECT 'pending' AS state UNION ALL SELECT 'delivered' UNION ALL SELECT 'given_up'
    ) AS states ON true
"""


@value(frozen=True, slots=True)
class DeliveryRow:
    """The delivery of one event to one webhook; times are Unix milliseconds.

    Attributes:
        state: `pending`, `delivered` or `given_up`.
        next_at_ms: When it is due; None if it is settled or waits for an earlier event.
        answer: The status of the last answer, None if there was none.
        happened_at_ms: When the event happened; None if it has been deleted.
    """

    position: int
    run: int
    kind: str
    state: str
    attempts: int
    next_at_ms: int | None
    first_at_ms: int | None
    last_at_ms: int | None
    answer: int | None
    error: str | None
    happened_at_ms: int | None

    @property
    def run_id(self) -> str:
        """The id of the run that the event belongs to."""
        return run_id(self.run)


_HAPPENED = """
    (SELECT CASE WHEN e.run = deliveries.run THEN e.at_ms END FROM events e
     WHERE e.position >= deliveries.position ORDER BY e.position LIMIT 1)
"""
"""A row of events has the position of its last; if that row is gone, the next is another run's."""

_SELECT = f"SELECT {columns(DeliveryRow, kind='type', happened_at_ms=_HAPPENED)} FROM deliveries"


@value(frozen=True, slots=True)
class DeliveryAttempt:
    """The result of sending one event once.

    Attributes:
        state: The state after it.
        next_at_ms: When it is tried again, if it is still pending.
    """

    at_ms: int
    state: str
    answer: int | None = None
    error: str | None = None
    next_at_ms: int | None = None


class Outbox:
    """The deliveries of all webhooks."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def take(
        self, webhook_id: str, rows: Sequence[EventRow], up_to: int, now_ms: int, keep: int
    ) -> None:
        """Add events to be delivered, and note that the webhook has seen all up to a position.

        The newest `keep` settled deliveries stay. A webhook that is gone takes nothing.
        """

        def work(connection: Connection) -> None:
            moved = connection.execute(
                "UPDATE webhooks SET position = ? WHERE id = ? AND position < ?",
                (up_to, webhook_id, up_to),
            )
            if moved.rowcount == 0:
                return
            connection.executemany(
                "INSERT INTO deliveries (webhook, position, run, type, state, next_at_ms)"
                " VALUES (:webhook, :position, :run, :type, 'pending', iif(EXISTS (SELECT 1 FROM"
                " deliveries WHERE webhook = :webhook AND run = :run AND state = 'pending'),"
                " NULL, :now)) ON CONFLICT DO NOTHING",
                [
                    {
                        "webhook": webhook_id, "position": row.position, "run": row.run,
                        "type": row.kind, "now": now_ms,
                    }
                    for row in rows
                ],
            )  # fmt: skip
            connection.executemany(
                "DELETE FROM deliveries WHERE webhook = :webhook AND state = :state AND position <="
                " (SELECT position FROM deliveries WHERE webhook = :webhook AND state = :state"
                " ORDER BY position DESC LIMIT 1 OFFSET :keep)",
                [
                    {"webhook": webhook_id, "state": state, "keep": keep}
                    for state in ("delivered", "given_up")
                ],
            )

        await self._writer.write(work)

    async def settle(self, webhook_id: str, position: int, attempt: DeliveryAttempt) -> None:
        """Record an attempt; if it was the last one, the run's next event becomes due."""

        def work(connection: Connection) -> None:
            which = {"webhook": webhook_id, "position": position}
            connection.execute(
                "UPDATE deliveries SET state = :state, attempts = attempts + 1,"
                " next_at_ms = iif(EXISTS (SELECT 1 FROM deliveries sooner WHERE"
                " sooner.webhook = :webhook AND sooner.run = deliveries.run"
                " AND sooner.state = 'pending' AND sooner.position < :position),"
                " NULL, CAST(:next_at_ms AS BIGINT)), first_at_ms = coalesce(first_at_ms, :at_ms),"
                " last_at_ms = :at_ms, answer = :answer, error = :error"
                " WHERE webhook = :webhook AND position = :position AND state = 'pending'",
                {**which, **asdict(attempt)},
            )
            if attempt.next_at_ms is None:
                connection.execute(
                    "UPDATE deliveries SET next_at_ms = :now WHERE webhook = :webhook"
                    " AND position = (SELECT min(position) FROM deliveries WHERE webhook = :webhook"
                    " AND state = 'pending' AND run = (SELECT run FROM deliveries"
                    " WHERE webhook = :webhook AND position = :position))"
                    " AND next_at_ms IS NULL",
                    {**which, "now": attempt.at_ms},
                )

        await self._writer.write(work)

    async def redeliver(self, webhook_id: str, position: int, now_ms: int) -> DeliveryRow:
        """Let an event be sent again, with new retries; one that still waits is due at once.

        If earlier events of its run wait, those are due, and it comes after them. Raises
        `UnknownDelivery`.
        """

        def work(connection: Connection) -> DeliveryRow:
            which = {"webhook": webhook_id, "position": position, "now": now_ms}
            one = "webhook = :webhook AND position = :position"
            connection.execute(f"{_ANEW} WHERE {one} AND state <> 'pending'", which)
            connection.execute(
                f"{_IN_ORDER} AND run = (SELECT run FROM deliveries WHERE {one})", which
            )
            rows = connection.execute(f"{_SELECT} WHERE {one}", which)
            for row in rows:
                return DeliveryRow(*row)
            raise UnknownDelivery(webhook_id, position)

        row: DeliveryRow = await self._writer.write(work)
        return row

    async def redeliver_failed(self, webhook_id: str, now_ms: int) -> int:
        """Do the same for all failed deliveries, and return their number."""

        def work(connection: Connection) -> int:
            which = {"webhook": webhook_id, "now": now_ms}
            inserted = connection.execute(
                f"{_ANEW} WHERE webhook = :webhook AND state = 'given_up'", which
            )
            connection.execute(_IN_ORDER, which)
            return inserted.rowcount

        return int(await self._writer.write(work, UNCOUNTED))

    async def due(self, webhook_id: str, now_ms: int, limit: int) -> list[DeliveryRow]:
        """Return the deliveries that are due, the most overdue first."""
        rows = await self._readers.all(
            f"{_SELECT} WHERE webhook = ? AND next_at_ms <= ?"
            " ORDER BY next_at_ms, position LIMIT ?",
            (webhook_id, now_ms, limit),
        )
        return [DeliveryRow(*row) for row in rows]

    async def next_due_ms(self, webhook_id: str, after_ms: int) -> int | None:
        """Return when the first delivery after a moment is due; None if there is none."""
        row = await self._readers.one(
            "SELECT min(next_at_ms) FROM deliveries WHERE webhook = ? AND next_at_ms > ?",
            (webhook_id, after_ms),
        )
        return None if row[0] is None else int(row[0])

    async def bring_forward(self, webhook_id: str, after_ms: int, now_ms: int) -> None:
        """Make deliveries due now that are due only after a moment."""

        def work(connection: Connection) -> None:
            connection.execute(
                "UPDATE deliveries SET next_at_ms = ? WHERE webhook = ? AND next_at_ms > ?",
                (now_ms, webhook_id, after_ms),
            )

        await self._writer.write(work, UNCOUNTED)

    async def pending(self, webhook_id: str) -> int:
        """Return how many deliveries of a webhook are still to be sent."""
        row = await self._readers.one(
            "SELECT count(*) FROM deliveries WHERE webhook = ? AND state = 'pending'",
            (webhook_id,),
        )
        return int(row[0])

    async def counts(self, webhook_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return how many deliveries of each webhook are in each state, up to `MOST_COUNTED`."""
        rows = await self._readers.all(
            _COUNTS, {"webhooks": json.dumps([*webhook_ids]), "most": MOST_COUNTED}
        )
        found: dict[str, dict[str, int]] = {one: {} for one in webhook_ids}
        for webhook_id, state, count in rows:
            found[webhook_id][state] = int(count)
        return found

    async def failing(self, webhook_ids: Sequence[str]) -> set[str]:
        """Return the webhooks with an attempt to be repeated, or whose last one has failed."""
        rows = await self._readers.all(
            "SELECT asked.value FROM json_each(?) AS asked WHERE EXISTS (SELECT 1 FROM deliveries"
            " WHERE webhook = asked.value AND next_at_ms IS NOT NULL AND attempts > 0)"
            " OR coalesce((SELECT max(position) FROM deliveries WHERE webhook = asked.value"
            " AND state = 'given_up'), 0) > coalesce((SELECT max(position) FROM deliveries"
            " WHERE webhook = asked.value AND state = 'delivered'), 0)",
            (json.dumps([*webhook_ids]),),
        )
        return {webhook_id for (webhook_id,) in rows}

    async def page(
        self, webhook_id: str, state: str | None, before: int | None, limit: int
    ) -> list[DeliveryRow]:
        """Return deliveries, newest event first."""
        conditions, values = ["webhook = ?"], [webhook_id]
        for condition, wish in (("state = ?", state), ("position < ?", before)):
            if wish is not None:
                conditions.append(condition)
                values.append(wish)  # type: ignore[arg-type] # SQLite takes text and numbers
        rows = await self._readers.all(
            f"{_SELECT} WHERE {' AND '.join(conditions)} ORDER BY position DESC LIMIT ?",
            (*values, limit),
        )
        return [DeliveryRow(*row) for row in rows]
