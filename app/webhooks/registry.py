"""The webhooks of all tenants, and the tasks that deliver to them."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import replace

from app.secrets.seal import Keyring
from app.telemetry import log
from app.webhooks.deliverer import Deliverer, DeliveryDependencies
from app.webhooks.secrets import SigningSecrets, open_secrets, seal_secrets
from app.webhooks.sender import Outcome, test_message
from app.webhooks.signature import new_secret
from app.webhooks.tenant_feed import TenantFeeds
from engine.value import value
from journal import DeliveryRow, JournalError, UnknownWebhook, WebhookRow

MOST = 100
"""The most webhooks that a tenant may have."""


@value(frozen=True, slots=True)
class Draft:
    """The values of a new webhook; `workflow_ids` None means all workflows."""

    name: str
    url: str
    events: tuple[str, ...]
    workflow_ids: tuple[str, ...] | None
    from_start: bool
    secret: str | None = None


class Webhooks:
    """Stores webhooks, and runs one task for each enabled one; no work without any.

    Attributes:
        owns: Says whether this process is responsible for work with a given name; None if there is
            only one process.
        on_redeliver: Called with a tenant when one of its webhooks has something to send again.
    """

    def __init__(self, parts: DeliveryDependencies, keyring: Keyring) -> None:
        self._parts = parts
        self._keyring = keyring
        self._table = parts.journal.webhooks
        self._feeds = TenantFeeds(parts.journal.pages, parts.hub)
        self._deliverers: dict[str, tuple[Deliverer, asyncio.Task[None]]] = {}
        self._lock = asyncio.Lock()
        self._disabling: set[asyncio.Task[None]] = set()
        self.owns: Callable[[str], bool] | None = None
        self.on_redeliver: Callable[[str], None] = lambda _: None

    async def start(self) -> None:
        """Start delivering. Raises journal errors."""
        for row in await self._table.all():
            self._deliver(row)

    async def refresh(self) -> None:
        """Deliver to this process's webhooks in their current state. Raises journal errors."""
        async with self._lock:
            rows = {row.id: row for row in await self._table.all()}
            for webhook_id, (deliverer, _) in tuple(self._deliverers.items()):
                row = rows.get(webhook_id)
                if row is None or not self._is_here(row) or not deliverer.is_for(row):
                    await self._stop(webhook_id)
            for row in rows.values():
                if row.id not in self._deliverers:
                    self._deliver(row)

    async def close(self) -> None:
        """Stop delivering; deliveries in progress are repeated after the next start."""
        for webhook_id in tuple(self._deliverers):
            await self._stop(webhook_id)

    async def create(self, tenant: str, draft: Draft) -> tuple[WebhookRow, str]:
        """Store a webhook, durable when this returns; return its secret, for the only time.

        Raises `TooManyWebhooks`.
        """
        now_ms = self._parts.clock.now_ms()
        secret, webhook_id = draft.secret or new_secret(), f"wh_{uuid.uuid4().hex}"
        position = 0 if draft.from_start else await self._parts.journal.pages.last_position()
        row = WebhookRow(
            id=webhook_id,
            tenant=tenant,
            name=draft.name,
            url=draft.url,
            events=draft.events,
            workflow_ids=draft.workflow_ids,
            sealed=seal_secrets(self._keyring, tenant, webhook_id, SigningSecrets(secret)),
            position=position,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
        await self._table.create(row, MOST)
        self._deliver(row)
        return row, secret

    async def change(
        self,
        tenant: str,
        webhook_id: str,
        edit: Callable[[WebhookRow], WebhookRow] = lambda row: row,
        *,
        secret: str | None = None,
        overlap_ms: int = 0,
    ) -> WebhookRow:
        """Apply `edit` to a webhook. Raises `UnknownWebhook`.

        `edit` receives the webhook while no other change can be made, so concurrent changes are not
        lost. A new `secret` takes effect at once; the previous one also signs for `overlap_ms`.
        """
        now_ms = self._parts.clock.now_ms()

        def edited(kept: WebhookRow) -> WebhookRow:
            row = replace(edit(kept), updated_at_ms=now_ms)
            if secret is None:
                return row
            secrets = SigningSecrets(secret)
            if overlap_ms:
                former = open_secrets(self._keyring, kept).current
                secrets = SigningSecrets(secret, former, now_ms + overlap_ms)
            return replace(row, sealed=seal_secrets(self._keyring, tenant, row.id, secrets))

        async with self._lock:
            row = await self._table.change(tenant, webhook_id, edited)
            await self._stop(row.id)
            self._deliver(row)
            return row

    async def set_enabled(self, tenant: str, webhook_id: str, *, enabled: bool) -> WebhookRow:
        """Disable a webhook, or enable it from its position on. Raises `UnknownWebhook`."""
        now_ms = self._parts.clock.now_ms()

        def edit(row: WebhookRow) -> WebhookRow:
            return replace(row, disabled_at_ms=None if enabled else row.disabled_at_ms or now_ms)

        return await self.change(tenant, webhook_id, edit)

    async def delete(self, tenant: str, webhook_id: str) -> None:
        """Delete a webhook and its undelivered events. Raises `UnknownWebhook`."""
        async with self._lock:
            await self._table.delete(tenant, webhook_id)
            await self._stop(webhook_id)

    async def test(self, row: WebhookRow) -> Outcome:
        """Send an empty test message, once; this works for a disabled webhook too."""
        now_ms = self._parts.clock.now_ms()
        message = test_message(f"test_{uuid.uuid4().hex}", now_ms)
        secrets = open_secrets(self._keyring, row).at(now_ms)
        return await self._parts.sender.post(row.tenant, row.url, secrets, message)

    async def redeliver(self, row: WebhookRow, position: int) -> DeliveryRow:
        """Send one event again, in order with the other events of its run.

        Raises `UnknownDelivery`.
        """
        outbox, now_ms = self._parts.journal.outbox, self._parts.clock.now_ms()
        delivery = await outbox.redeliver(row.id, position, now_ms)
        self._look_again(row)
        return delivery

    async def redeliver_failed(self, row: WebhookRow) -> int:
        """Send all events again that were given up, and return their number."""
        outbox, now_ms = self._parts.journal.outbox, self._parts.clock.now_ms()
        count = await outbox.redeliver_failed(row.id, now_ms)
        self._look_again(row)
        return count

    def former_secret_until(self, row: WebhookRow) -> int | None:
        """Return until when the previous secret also signs, or None if it does not."""
        return open_secrets(self._keyring, row).former_until(self._parts.clock.now_ms())

    def _deliver(self, row: WebhookRow) -> None:
        if row.disabled_at_ms is not None or not self._is_here(row):
            return
        secrets = open_secrets(self._keyring, row)
        deliverer = Deliverer(row, secrets, self._parts, self._feeds, self._disable_later)
        self._deliverers[row.id] = deliverer, asyncio.create_task(deliverer.run())

    def _disable_later(self, row: WebhookRow) -> None:
        """Disable a webhook whose receiver is gone; the delivery that says so ends with that."""
        task = asyncio.create_task(self._disable_gone(row))
        self._disabling.add(task)
        task.add_done_callback(self._disabling.discard)

    async def _disable_gone(self, row: WebhookRow) -> None:
        now_ms = self._parts.clock.now_ms()

        def edit(kept: WebhookRow) -> WebhookRow:
            if kept.url != row.url:
                return kept  # it has a new address already
            return replace(kept, disabled_at_ms=kept.disabled_at_ms or now_ms)

        try:
            changed = await self.change(row.tenant, row.id, edit)
        except UnknownWebhook:
            return
        except JournalError as failure:
            log.webhooks_delayed(row.id, failure)  # the next attempt is answered in the same way
            return
        if changed.disabled_at_ms is not None:
            log.webhook_gone(row.id)

    def _is_here(self, row: WebhookRow) -> bool:
        return self.owns is None or self.owns(f"{row.tenant}/webhook:{row.id}")

    def _look_again(self, row: WebhookRow) -> None:
        if row.id in self._deliverers:
            self._deliverers[row.id][0].look_again()
        else:
            self.on_redeliver(row.tenant)

    async def _stop(self, webhook_id: str) -> None:
        if webhook_id in self._deliverers:
            _, task = self._deliverers.pop(webhook_id)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
