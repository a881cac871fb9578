"""Wakes listeners here for news of runs that other processes execute, and the other way round."""

import asyncio

from app.events.hub import Hub
from app.execution.live.cluster import Cluster
from app.telemetry import log
from journal import RUN, EventPages, JournalError

_LOOK_EVERY_S = 1.0
"""How long a listener waits at most if a notification was lost."""


class NewsElsewhere:
    """Tells other processes of each append, and wakes listeners here when others do the same.

    Attributes:
        is_used: Always true: nobody knows who listens elsewhere.
    """

    is_used = True

    def __init__(self, pages: EventPages, hub: Hub, cluster: Cluster) -> None:
        self._pages = pages
        self._hub = hub
        self._bell = cluster.bell
        self._last = -1
        self._bell.heard.setdefault(RUN, []).append(self._rung)
        self._bell.on_gap.append(hub.wake_all)
        cluster.beside.append(self.run)

    def heard(self, tenant: str, run_id: str, /) -> None:
        """Notify listeners in all processes that a run may have news."""
        self._hub.heard(tenant, run_id)
        self._bell.ring(RUN, f"{tenant}/{run_id}")

    def _rung(self, name: str) -> None:
        tenant, _, run_id = name.rpartition("/")
        self._hub.heard(tenant, run_id)

    async def run(self) -> None:
        """Check every second for news whose notification was lost, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                last = await self._pages.last_position()
            except JournalError as failure:
                log.wakes_delayed(failure)
                continue
            if last != self._last:
                self._last = last
                self._hub.wake_all()
