"""One webhook's life: take from the journal what it wants, send it, note what came of it.

What is taken in is rows of the outbox, so a kill at any moment loses nothing: an event whose
attempt was not noted is sent again, with the same id. Of one run one event is under way at a
time, of one webhook a few. Where too much is pending nothing more is taken in: the journal
itself is the queue.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import replace

from app.clock import Clock
from app.events.catalogue import kinds_named
from app.events.document import Told, told
from app.events.hub import Hub
from app.telemetry import log
from app.webhooks.secrets import SigningSecrets
from app.webhooks.sender import Outcome, Sender, message_of
from engine import RetryPolicy
from engine.value import value
from journal import (
    Attempt,
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
"""Settled deliveries of each kind that are kept to be looked at."""

_UNNOTED = 10_000
"""Positions without anything to deliver after which the webhook's place is noted."""

_PACE_S = 0.02
_IDLE_PACE_S = 0.1
"""The least time between two looks, with and without messages under way: on a busy server a
webhook that hears of little must cost little."""

_PAUSE_S = 1.0
_LONGEST_WAIT_S = 30.0


@value(frozen=True, slots=True)
class DeliveryDependencies:
    """What every webhook's delivery works with.

    Attributes:
        retry: How long to wait between two attempts.
        give_up_ms: How long to go on with an event that is not received.
    """

    journal: Journal
    hub: Hub
    sender: Sender
    clock: Clock
    retry: RetryPolicy
    give_up_ms: int


class Deliverer:
    """Delivers to one webhook until it is cancelled."""

    def __init__(
        self, row: WebhookRow, secrets: SigningSecrets, parts: DeliveryDependencies
    ) -> None:
        self._row = row
        self._secrets = secrets
        self._parts = parts
        self._wanted = EventFilter(kinds_named(row.events, None), row.workflow_ids)
        self._bell: asyncio.Event | None = None
        self._is_known = False
        self._position = 0
        self._noted = 0
        self._pending = 0
        self._sending: dict[int, asyncio.Task[None]] = {}
        self._settled: set[int] = set()

    async def run(self) -> None:
        """Take in and send; what is under way when it is cancelled is sent again later."""
        with self._parts.hub.listen_to_tenant(self._row.tenant) as bell:
            self._bell = bell
            try:
                while True:
                    bell.clear()
                    await self._turn(bell)
            except UnknownWebhook:
                pass  # deleted
            finally:
                for task in self._sending.values():
                    task.cancel()

    def is_for(self, row: WebhookRow) -> bool:
        """Say whether it delivers to a webhook as that is."""
        return row.updated_at_ms == self._row.updated_at_ms and row.disabled_at_ms is None

    def look_again(self) -> None:
        """Look at the outbox, which somebody else has changed."""
        self._is_known = False
        if self._bell is not None:
            self._bell.set()

    async def _turn(self, bell: asyncio.Event) -> None:
        """Do what there is to do, then wait for more."""
        wait_s = 0.0
        try:
            has_more = await self._take_in()
            next_ms = await self._send_due(bell.set)
            if not has_more:
                wait_s = _LONGEST_WAIT_S
                if next_ms is not None:
                    wait_s = min(wait_s, (next_ms - self._parts.clock.now_ms()) / 1_000)
        except UnknownWebhook:
            raise
        except Exception as failure:  # noqa: BLE001 - whatever it was, events still wait to be sent
            log.webhooks_delayed(self._row.id, failure)
            self._is_known = False  # whether the last change was stored is unknown
            await asyncio.sleep(_PAUSE_S)
        await asyncio.sleep(_PACE_S if self._sending else _IDLE_PACE_S)
        if wait_s > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await bell.wait()

    async def _take_in(self) -> bool:
        """Move the webhook's place over events; say whether there are more to be looked at."""
        journal, row = self._parts.journal, self._row
        if not self._is_known:
            self._is_known = True
            self._position = self._noted = (await journal.webhooks.get(row.tenant, row.id)).position
            self._pending = (await journal.outbox.counts(row.id)).get("pending", 0)
        if self._pending >= _MOST_PENDING:
            return False
        page = await journal.pages.of_tenant(row.tenant, self._wanted, self._position, _PAGE)
        if page.rows or page.looked_up_to - self._noted >= _UNNOTED:
            now_ms = self._parts.clock.now_ms()
            await journal.outbox.take(row.id, page.rows, page.looked_up_to, now_ms, _KEPT)
            self._noted = page.looked_up_to
            self._pending += len(page.rows)
        self._position = page.looked_up_to
        return page.has_more

    async def _send_due(self, done: Callable[[], None]) -> int | None:
        """Begin what is due, as far as there is room; return the moment of what is due next."""
        outbox, now_ms = self._parts.journal.outbox, self._parts.clock.now_ms()
        self._settled.clear()
        due = await outbox.due(self._row.id, now_ms, _AT_ONCE + len(self._sending))
        for row in due:
            if len(self._sending) >= _AT_ONCE:
                return None  # looked at again when one of them is done
            # What was settled while the query ran may stand in its answer as it was before.
            if row.position not in self._sending and row.position not in self._settled:
                task = asyncio.create_task(self._deliver(row))
                self._sending[row.position] = task
                task.add_done_callback(lambda _: done())
        return await outbox.next_due_ms(self._row.id, now_ms)

    async def _deliver(self, row: DeliveryRow) -> None:
        try:
            attempt = await self._attempt(row)
            while not await self._is_noted(row, attempt):
                pass
        finally:
            self._settled.add(row.position)
            del self._sending[row.position]

    async def _titled(self, event: Told) -> Told:
        """Return the event with what its run is called now, where that is something."""
        run_id = str(event.data["runId"])
        captions = await self._parts.journal.captions.of(self._row.tenant, [run_id])
        caption = captions.get(run_id)
        if caption is None or not caption.title:
            return event
        return replace(event, data={**event.data, "title": caption.title})

    async def _attempt(self, row: DeliveryRow) -> Attempt:
        pages, clock = self._parts.journal.pages, self._parts.clock
        began_ms = clock.now_ms()
        try:
            event = await self._titled(await told(pages, await pages.at(row.position)))
            message = message_of(event)
            secrets = self._secrets.at(clock.now_ms())
            outcome = await self._parts.sender.post(
                self._row.tenant, self._row.url, secrets, message
            )
        except UnknownEvent:
            return Attempt(began_ms, "given_up", None, "the run was deleted")
        except Exception as failure:  # noqa: BLE001 - tried again, and shown
            log.webhooks_delayed(self._row.id, failure)
            outcome = Outcome(None, f"the message could not be made: {type(failure).__name__}")
        if outcome.error is None:
            return Attempt(clock.now_ms(), "delivered", outcome.status)
        now_ms = clock.now_ms()
        first_ms = row.first_at_ms or began_ms
        if now_ms - first_ms >= self._parts.give_up_ms:
            log.delivery_given_up(self._row.id, row.position, outcome.error)
            return Attempt(now_ms, "given_up", outcome.status, outcome.error)
        # Spread, so that what failed together does not come back together.
        jitter = random.random()  # noqa: S311 - no secret
        wait_ms = self._parts.retry.delay_ms(row.attempts + 1, jitter, outcome.wait_ms)
        next_ms = now_ms + max(1, wait_ms)
        return Attempt(now_ms, "pending", outcome.status, outcome.error, next_ms)

    async def _is_noted(self, row: DeliveryRow, attempt: Attempt) -> bool:
        """Note an attempt; say whether that is stored, after a pause if it is not."""
        try:
            await self._parts.journal.outbox.settle(self._row.id, row.position, attempt)
        except JournalError as failure:
            log.webhooks_delayed(self._row.id, failure)
            await asyncio.sleep(_PAUSE_S)
            return False
        self._pending -= attempt.state != "pending"
        return True
