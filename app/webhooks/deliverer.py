"""Delivers to one webhook: takes the events it wants, sends them, records results.

Events to send become rows of the outbox, so a kill at any moment loses nothing: if an attempt was
not recorded, the event is sent again with the same id. At most one event of a run and a few of a
webhook are being sent at a time. Events come from the feed of the tenant
(`app/webhooks/tenant_feed.py`), or from the journal while the webhook is behind. When too many are
pending, no more are taken from the journal, which itself is the queue.
"""

import asyncio
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from app.clock import Clock
from app.concurrency.until_set import until_set
from app.events.catalogue import kinds_named
from app.events.document import EventDocument, event_document
from app.events.hub import Hub
from app.outbound.http_client import HttpClient
from app.settings.server import Settings
from app.telemetry import log
from app.webhooks.secrets import SigningSecrets
from app.webhooks.sender import Outcome, Sender, message_of
from app.webhooks.tenant_feed import TenantFeed, TenantFeeds
from engine import RetryPolicy
from engine.value import value
from journal import (
    DeliveryAttempt,
    DeliveryRow,
    EventFilter,
    Journal,
    JournalError,
    UnknownEvent,
    UnknownWebhook,
    WebhookRow,
)

_PAGE = 200
_MOST_PENDING = 10_000
_AT_ONCE = 8
_KEPT = 1_000
"""How many settled deliveries of each kind are kept for inspection."""

_UNNOTED = 10_000
"""After this many positions with nothing to deliver, the position is stored anyway."""

_PACE_S = 0.02
_IDLE_PACE_S = 0.1
"""The shortest time between two checks, with and without messages being sent: on a busy server, a
webhook that wants few events must cost little."""

_PAUSE_S = 1.0
_LONGEST_WAIT_S = 30.0
_SLACK_MS = 60_000


@value(frozen=True, slots=True)
class DeliveryDependencies:
    """What the delivery of every webhook needs.

    Attributes:
        retry: How long to wait between two attempts.
        give_up_ms: How long an event that is not received is retried.
        sure_clock: Does not count that the clock went on by more than it should have.
    """

    journal: Journal
    hub: Hub
    sender: Sender
    clock: Clock
    retry: RetryPolicy
    give_up_ms: int
    sure_clock: Clock


def delivering(  # noqa: PLR0913 - the parts below, each passed in
    settings: Settings,
    journal: Journal,
    hub: Hub,
    client: HttpClient,
    clock: Clock,
    sure_clock: Clock,
) -> DeliveryDependencies:
    """Return what deliveries need, by the settings."""
    retry = RetryPolicy(
        max_attempts=sys.maxsize,
        initial_ms=round(settings.webhook_retry_first * 1_000),
        maximum_ms=round(settings.webhook_retry_longest * 1_000),
    )
    sender = Sender(client, clock, settings.webhook_timeout)
    give_up_ms = round(settings.webhook_give_up * 1_000)
    return DeliveryDependencies(journal, hub, sender, clock, retry, give_up_ms, sure_clock)


class Deliverer:
    """Delivers to one webhook until it is cancelled; calls `on_gone` when a receiver says 410.

    Attributes:
        wanted: The events that it wants.
        position: Up to which position it has taken them.
    """

    def __init__(
        self,
        row: WebhookRow,
        secrets: SigningSecrets,
        parts: DeliveryDependencies,
        feeds: TenantFeeds,
        on_gone: Callable[[WebhookRow], None],
    ) -> None:
        self._on_gone = on_gone
        self._row = row
        self._secrets = secrets
        self._parts = parts
        self._feeds = feeds
        self._bell = asyncio.Event()
        self.wanted = EventFilter(tuple(kinds_named(row.events, None)), row.workflow_ids)
        self.position = 0
        self._is_known = False
        self._noted = 0
        self._pending = 0
        self._sending: dict[int, asyncio.Task[None]] = {}
        self._settled: set[int] = set()

    async def run(self) -> None:
        """Take and send events; deliveries in progress at a cancel are repeated later."""
        with self._feeds.followed(self._row.tenant, self) as feed:
            try:
                while True:
                    self._bell.clear()
                    await self._turn(feed)
            except UnknownWebhook:
                pass  # deleted
            finally:
                for task in self._sending.values():
                    task.cancel()

    def is_for(self, row: WebhookRow) -> bool:
        """Return whether this task delivers to the webhook in its current form."""
        return row.updated_at_ms == self._row.updated_at_ms and row.disabled_at_ms is None

    def look_again(self) -> None:
        """Check the outbox, because something else has changed it."""
        self._is_known = False
        self.wake()

    def wake(self) -> None:
        """Look for new events."""
        self._bell.set()

    def passed(self, position: int) -> None:
        """Move on: nothing is wanted up to this position."""
        self.position = position
        if position - self._noted >= _UNNOTED:
            self.wake()

    async def _turn(self, feed: TenantFeed) -> None:
        """Do what is due, then wait for more."""
        wait_s = 0.0
        try:
            has_more = await self._take_in(feed)
            next_ms = await self._send_due()
            if not has_more:
                wait_s = _LONGEST_WAIT_S
                if next_ms is not None:
                    wait_s = min(wait_s, (next_ms - self._parts.clock.now_ms()) / 1_000)
        except UnknownWebhook:
            raise
        except Exception as failure:  # noqa: BLE001 - events still wait to be sent
            log.webhooks_delayed(self._row.id, failure)
            self._is_known = False  # whether the last change was stored is unknown
            await asyncio.sleep(_PAUSE_S)
        await asyncio.sleep(_PACE_S if self._sending else _IDLE_PACE_S)
        if wait_s > 0:
            await until_set(self._bell, wait_s)

    async def _take_in(self, feed: TenantFeed) -> bool:
        """Move the webhook's position over events; return whether there are more."""
        journal, row = self._parts.journal, self._row
        if not self._is_known:
            self._is_known = True
            self.position = self._noted = (await journal.webhooks.get(row.tenant, row.id)).position
            self._pending = await journal.outbox.pending(row.id)
        if self._pending >= _MOST_PENDING:
            return False
        page = feed.after(self.wanted, self.position, _PAGE)
        if page is None:
            page = await journal.pages.of_tenant(row.tenant, self.wanted, self.position, _PAGE)
        if page.rows or page.looked_up_to - self._noted >= _UNNOTED:
            now_ms = self._parts.clock.now_ms()
            await journal.outbox.take(row.id, page.rows, page.looked_up_to, now_ms, _KEPT)
            self._noted = page.looked_up_to
            self._pending += len(page.rows)
        self.position = page.looked_up_to
        return page.has_more

    async def _send_due(self) -> int | None:
        """Send what is due, as far as the limits allow; return when the next one is due."""
        outbox, now_ms = self._parts.journal.outbox, self._parts.clock.now_ms()
        longest_ms = self._parts.retry.maximum_ms + _SLACK_MS
        self._settled.clear()
        due = await outbox.due(self._row.id, now_ms, _AT_ONCE + len(self._sending))
        for row in due:
            if len(self._sending) >= _AT_ONCE:
                return None  # checked again when one of them is done
            # Rows settled while the query ran may appear in its result in their old state.
            if row.position not in self._sending and row.position not in self._settled:
                task = asyncio.create_task(self._deliver(row))
                self._sending[row.position] = task
                task.add_done_callback(lambda _: self.wake())
        next_ms, latest_ms = await outbox.next_due_ms(self._row.id, now_ms), now_ms + longest_ms
        if next_ms is not None and next_ms > latest_ms:
            # It was put off by a clock that was ahead then.
            await outbox.bring_forward(self._row.id, latest_ms, now_ms)
            return now_ms
        return next_ms

    async def _deliver(self, row: DeliveryRow) -> None:
        try:
            attempt = await self._attempt(row)
            while not await self._is_noted(row, attempt):
                pass
            if attempt.answer == HTTPStatus.GONE:
                self._on_gone(self._row)
        finally:
            self._settled.add(row.position)
            del self._sending[row.position]

    async def _titled(self, event: EventDocument) -> EventDocument:
        """Return the event with the run's current title, if it has one."""
        run_id = str(event.data["runId"])
        captions = await self._parts.journal.captions.of(self._row.tenant, [run_id])
        caption = captions.get(run_id)
        if caption is None or not caption.title:
            return event
        return replace(event, data={**event.data, "title": caption.title})

    async def _attempt(self, row: DeliveryRow) -> DeliveryAttempt:
        pages, clock = self._parts.journal.pages, self._parts.clock
        began_ms = clock.now_ms()
        try:
            event = await self._titled(await event_document(pages, await pages.at(row.position)))
            message = message_of(event)
            secrets = self._secrets.at(clock.now_ms())
            outcome = await self._parts.sender.post(
                self._row.tenant, self._row.url, secrets, message
            )
        except UnknownEvent:
            return DeliveryAttempt(began_ms, "given_up", None, "the run was deleted")
        except Exception as failure:  # noqa: BLE001 - tried again, and shown
            log.webhooks_delayed(self._row.id, failure)
            outcome = Outcome(None, f"the message could not be made: {type(failure).__name__}")
        if outcome.error is None:
            return DeliveryAttempt(clock.now_ms(), "delivered", outcome.status)
        now_ms = clock.now_ms()
        first_ms = row.first_at_ms or began_ms
        if self._parts.sure_clock.now_ms() - first_ms >= self._parts.give_up_ms:
            log.delivery_given_up(self._row.id, row.position, outcome.error)
            return DeliveryAttempt(now_ms, "given_up", outcome.status, outcome.error)
        # Jitter, so that deliveries that failed together are not retried together.
        jitter = random.random()  # noqa: S311 - no secret
        wait_ms = self._parts.retry.delay_ms(row.attempts + 1, jitter, outcome.wait_ms)
        next_ms = now_ms + max(1, wait_ms)
        return DeliveryAttempt(now_ms, "pending", outcome.status, outcome.error, next_ms)

    async def _is_noted(self, row: DeliveryRow, attempt: DeliveryAttempt) -> bool:
        """Record an attempt; return whether that succeeded, after a pause if not."""
        try:
            await self._parts.journal.outbox.settle(self._row.id, row.position, attempt)
        except JournalError as failure:
            log.webhooks_delayed(self._row.id, failure)
            await asyncio.sleep(_PAUSE_S)
            return False
        self._pending -= attempt.state != "pending"
        return True
