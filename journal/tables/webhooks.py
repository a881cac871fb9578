"""Webhooks: which events each one wants, and how far it has come."""

import json
from collections.abc import Callable, Mapping, Sequence

from engine.value import value
from journal.connection import Connection
from journal.errors import TooManyWebhooks, UnknownWebhook
from journal.reading.readers import Readers
from journal.rows.columns import columns, insert_into
from journal.writing.transaction import UNCOUNTED
from journal.writing.writer import Writer


@value(frozen=True, slots=True)
class WebhookRow:
    """One webhook; its secret is sealed, times are Unix milliseconds.

    Attributes:
        events: Names of the events that it wants.
        workflow_ids: The workflows whose runs it is sent events of; None for all.
        position: All events up to here have been sent to it, or are in the outbox.
    """

    id: str
    tenant: str
    name: str
    url: str
    events: tuple[str, ...]
    workflow_ids: tuple[str, ...] | None
    sealed: bytes
    position: int
    created_at_ms: int
    updated_at_ms: int
    disabled_at_ms: int | None = None


WEBHOOK_COLUMNS = {"workflow_ids": "workflows"}
_INSERT = insert_into("webhooks", WebhookRow, **WEBHOOK_COLUMNS)
_SELECT = f"SELECT {columns(WebhookRow, **WEBHOOK_COLUMNS)} FROM webhooks"


class WebhookTable:
    """The webhooks of all tenants."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def create(self, row: WebhookRow, most: int) -> None:
        """Keep a new webhook; durable when this returns. Raises `TooManyWebhooks`."""

        def work(connection: Connection) -> None:
            found = list(
                connection.execute("SELECT count(*) FROM webhooks WHERE tenant = ?", (row.tenant,))
            )
            if found[0][0] >= most:
                raise TooManyWebhooks(most)
            connection.execute(_INSERT, _values(row))

        await self._writer.write(work)

    async def change(
        self, tenant: str, webhook_id: str, edit: Callable[[WebhookRow], WebhookRow]
    ) -> WebhookRow:
        """Store a webhook as `edit` changes it, except for its position, and return it.

        `edit` is called within the transaction, so that no other process can change the webhook
        meanwhile. Raises `UnknownWebhook`, and what `edit` raises.
        """

        def work(connection: Connection) -> WebhookRow:
            kept = connection.execute(
                f"{_SELECT} WHERE id = ? AND tenant = ?", (webhook_id, tenant)
            ).fetchone()
            if kept is None:
                raise UnknownWebhook(webhook_id)
            row = edit(_row(kept))
            connection.execute(
                "UPDATE webhooks SET name = ?, url = ?, events = ?, workflows = ?, sealed = ?,"
                " updated_at_ms = ?, disabled_at_ms = ? WHERE id = ? AND tenant = ?",
                (
                    row.name, row.url, json.dumps(row.events), _listed(row.workflow_ids),
                    row.sealed, row.updated_at_ms, row.disabled_at_ms, webhook_id, tenant,
                ),
            )  # fmt: skip
            return row

        changed: WebhookRow = await self._writer.write(work)
        return changed

    async def delete(self, tenant: str, webhook_id: str) -> None:
        """Delete a webhook and its deliveries. Raises `UnknownWebhook`."""

        def work(connection: Connection) -> None:
            removed = connection.execute(
                "DELETE FROM webhooks WHERE id = ? AND tenant = ?", (webhook_id, tenant)
            )
            if removed.rowcount == 0:
                raise UnknownWebhook(webhook_id)

        await self._writer.write(work, UNCOUNTED)

    async def all(self) -> list[WebhookRow]:
        """Return the webhooks of all tenants, oldest first."""
        rows = await self._readers.all(f"{_SELECT} ORDER BY tenant, created_at_ms, id")
        return [_row(row) for row in rows]

    async def get(self, tenant: str, webhook_id: str) -> WebhookRow:
        """Return a webhook. Raises `UnknownWebhook`, also for another tenant's."""
        rows = await self._readers.all(
            f"{_SELECT} WHERE id = ? AND tenant = ?", (webhook_id, tenant)
        )
        if not rows:
            raise UnknownWebhook(webhook_id)
        return _row(rows[0])

    async def of_tenant(self, tenant: str) -> list[WebhookRow]:
        """Return a tenant's webhooks, oldest first."""
        rows = await self._readers.all(
            f"{_SELECT} WHERE tenant = ? ORDER BY created_at_ms, id",
            (tenant,),
        )
        return [_row(row) for row in rows]

    async def seal(self, sealed: Mapping[str, bytes]) -> None:
        """Replace stored secrets by newly sealed ones, by webhook."""

        def work(connection: Connection) -> None:
            connection.executemany(
                "UPDATE webhooks SET sealed = ? WHERE id = ?",
                [(secret, webhook_id) for webhook_id, secret in sealed.items()],
            )

        await self._writer.write(work)


def _row(row: Sequence[object]) -> WebhookRow:
    values = list(row)
    values[4] = tuple(json.loads(str(values[4])))
    values[5] = None if values[5] is None else tuple(json.loads(str(values[5])))
    return WebhookRow(*values)  # type: ignore[arg-type] # the columns of the table


def _values(row: WebhookRow) -> tuple[object, ...]:
    return (
        row.id, row.tenant, row.name, row.url, json.dumps(row.events), _listed(row.workflow_ids),
        row.sealed, row.position, row.created_at_ms, row.updated_at_ms, row.disabled_at_ms,
    )  # fmt: skip


def _listed(ids: Sequence[str] | None) -> str | None:
    return None if ids is None else json.dumps(ids)
