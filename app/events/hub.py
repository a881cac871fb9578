"""Wakes listeners when a run has new events, after the commit; it does not pass on the events.

A listener that was woken reads the journal at its own speed. So nothing is queued for slow readers,
and an unnecessary wake-up does no harm. Without listeners an append costs nothing.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Hub:
    """Wakes listeners of a run or of a tenant.

    Attributes:
        is_used: Whether there are any; kept, because every append asks.
    """

    def __init__(self) -> None:
        self.is_used = False
        self._by_run: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._by_tenant: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def heard(self, tenant: str, run_id: str) -> None:
        """Wake the listeners of a run: its events have become durable, or may have."""
        for bell in self._by_run.get(run_id, ()):
            bell.set()
        for bell in self._by_tenant.get(tenant, ()):
            bell.set()

    def wake_all(self) -> None:
        """Wake all listeners."""
        for bells in (*self._by_run.values(), *self._by_tenant.values()):
            for bell in bells:
                bell.set()

    @contextmanager
    def listen_to_run(self, run_id: str) -> Iterator[asyncio.Event]:
        """Return an event that is set whenever the run has news: clear it, then read."""
        with self._listening(self._by_run, run_id) as bell:
            yield bell

    @contextmanager
    def listen_to_tenant(self, tenant: str) -> Iterator[asyncio.Event]:
        """Return an event that is set whenever a run of the tenant has news."""
        with self._listening(self._by_tenant, tenant) as bell:
            yield bell

    @contextmanager
    def _listening(
        self, bells: defaultdict[str, set[asyncio.Event]], whose: str
    ) -> Iterator[asyncio.Event]:
        bell = asyncio.Event()
        bells[whose].add(bell)
        self.is_used = True
        try:
            yield bell
        finally:
            bells[whose].discard(bell)
            if not bells[whose]:
                del bells[whose]
            self.is_used = bool(self._by_run or self._by_tenant)
