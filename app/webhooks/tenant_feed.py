"""Reads the events of a tenant once for all its webhooks.

A webhook that has seen everything up to the feed's position is woken only for events that it wants;
the others only move on. One that is behind (new, enabled again, or with too much to send) reads by
itself until it has caught up. Positions are stored with each webhook, so the feed keeps nothing.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from app.concurrency.until_set import until_set
from app.events.hub import Hub
from app.telemetry import log
from journal import EventFilter, EventPage, EventPages, EventRow

_PAGE = 200
_MOST_KEPT = 1_000
"""How many events are kept for webhooks that are busy at the moment."""

_PACE_S = 0.02
_PAUSE_S = 1.0
_LONGEST_WAIT_S = 30.0


class Follower(Protocol):
    """A webhook, as far as its feed needs it.

    Attributes:
        wanted: The events that it wants.
        position: Up to which position it has taken them.
    """

    wanted: EventFilter
    position: int

    def passed(self, position: int, /) -> None:
        """Move on: nothing is wanted up to this position."""

    def wake(self) -> None:
        """Look for new events."""


class TenantFeed:
    """The newest events of a tenant, for the webhooks that follow it."""

    def __init__(self, pages: EventPages, tenant: str) -> None:
        self._pages = pages
        self._tenant = tenant
        self._followers = dict[Follower, None]()
        self._wanted = EventFilter()
        self._rows: list[EventRow] = []
        self._from: int | None = None
        self._to = 0

    @property
    def is_followed(self) -> bool:
        """Whether there are any webhooks."""
        return bool(self._followers)

    def join(self, follower: Follower) -> None:
        """Let a webhook follow."""
        self._followers[follower] = None
        self._want()

    def leave(self, follower: Follower) -> None:
        """Let a webhook no longer follow."""
        del self._followers[follower]
        self._want()

    def after(self, wanted: EventFilter, position: int, limit: int) -> EventPage | None:
        """Return what follows a position; None if that has to be read."""
        if self._from is None or not self._from <= position <= self._to:
            return None
        rows = list(_matching(self._rows, wanted, position))
        if len(rows) > limit:
            return EventPage(rows[:limit], rows[limit - 1].position, has_more=True)
        return EventPage(rows, self._to, has_more=False)

    async def run(self, hub: Hub) -> None:
        """Read until cancelled."""
        with hub.listen_to_tenant(self._tenant) as bell:
            while True:
                bell.clear()
                try:
                    has_more = await self._read()
                except Exception as failure:  # noqa: BLE001 - the events stay where they are
                    log.webhooks_delayed(self._tenant, failure)
                    await asyncio.sleep(_PAUSE_S)
                    continue
                await asyncio.sleep(_PACE_S)
                if not has_more:
                    await until_set(bell, _LONGEST_WAIT_S)

    async def _read(self) -> bool:
        """Read the next page, and wake whom it concerns; return whether there is more."""
        if self._from is None:
            start = await self._pages.last_position()
            self._from = self._to = start
            for follower in self._followers:
                follower.wake()  # what became durable before is for each to read
        wanted, start = self._wanted, self._to
        page = await self._pages.of_tenant(self._tenant, wanted, start, _PAGE)
        if wanted is not self._wanted:
            return True  # somebody has joined who may want more
        self._to = page.looked_up_to
        self._rows += page.rows
        if len(self._rows) > _MOST_KEPT:
            gone = len(self._rows) - _MOST_KEPT
            self._from = self._rows[gone - 1].position
            del self._rows[:gone]
        self._tell(page.rows, start)
        return page.has_more

    def _tell(self, rows: list[EventRow], start: int) -> None:
        found = dict[EventFilter, bool]()
        for follower in self._followers:
            wanted = follower.wanted
            if wanted not in found:
                found[wanted] = next(_matching(rows, wanted, start), None) is not None
            if found[wanted] or follower.position < start:
                follower.wake()
            elif follower.position < self._to:
                follower.passed(self._to)

    def _want(self) -> None:
        """Read what anybody wants from now on, and forget what was read for others."""
        wanted = _union(follower.wanted for follower in self._followers)
        if wanted != self._wanted:
            self._wanted = wanted
            self._rows.clear()
            self._from = self._to if self._from is not None else None


def _matching(rows: Iterable[EventRow], wanted: EventFilter, after: int) -> Iterator[EventRow]:
    for row in rows:
        if (
            row.position > after
            and (wanted.kinds is None or row.kind in wanted.kinds)
            and (wanted.workflow_ids is None or row.workflow_id in wanted.workflow_ids)
        ):
            yield row


def _union(filters: Iterable[EventFilter]) -> EventFilter:
    kinds, workflow_ids = set[str](), set[str]()
    all_kinds = all_workflows = False
    for one in filters:
        all_kinds = all_kinds or one.kinds is None
        all_workflows = all_workflows or one.workflow_ids is None
        kinds.update(one.kinds or ())
        workflow_ids.update(one.workflow_ids or ())
    return EventFilter(
        None if all_kinds else tuple(sorted(kinds)),
        None if all_workflows else tuple(sorted(workflow_ids)),
    )


class TenantFeeds:
    """The feeds of tenants with webhooks; no work for others."""

    def __init__(self, pages: EventPages, hub: Hub) -> None:
        self._pages = pages
        self._hub = hub
        self._feeds: dict[str, tuple[TenantFeed, asyncio.Task[None]]] = {}

    @contextmanager
    def followed(self, tenant: str, follower: Follower) -> Iterator[TenantFeed]:
        """Let a webhook follow the tenant's events while the block lasts."""
        if tenant not in self._feeds:
            feed = TenantFeed(self._pages, tenant)
            self._feeds[tenant] = feed, asyncio.create_task(feed.run(self._hub))
        feed, task = self._feeds[tenant]
        feed.join(follower)
        try:
            yield feed
        finally:
            feed.leave(follower)
            if not feed.is_followed:
                del self._feeds[tenant]
                task.cancel()
