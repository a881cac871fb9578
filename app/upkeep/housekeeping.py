"""Background work of a server on its folder: retention, and maintenance of the database file."""

import asyncio
import time
from collections.abc import Callable

from app.telemetry import log
from app.upkeep.clock_watch import ClockWatch
from app.upkeep.retention import Retention
from journal import Journal

_LOOK_EVERY_S = 1.0
_WHILE_BUSY_S = 0.12


class Housekeeping:
    """Runs until cancelled; what fails is retried.

    Attributes:
        is_here: Says whether this process does the work, of all that share the journal.
    """

    def __init__(
        self, journal: Journal, retention: Retention, watch: ClockWatch, every_s: float
    ) -> None:
        self._watch = watch
        self._journal = journal
        self._retention = retention
        self._every_s = every_s
        self.is_here: Callable[[], bool] = lambda: True

    async def run(self) -> None:
        """Apply retention every `every_s` seconds, and maintain the file whenever that is due."""
        next_at = time.monotonic()
        while True:
            busy = False
            try:
                await self._watch.look()
                if time.monotonic() >= next_at and self.is_here():
                    next_at = time.monotonic() + self._every_s
                    await self._delete()
                busy = await self._journal.tidy()
            except Exception as failure:  # noqa: BLE001 - tried again, and logged
                log.housekeeping_delayed(failure)
            await asyncio.sleep(_WHILE_BUSY_S if busy else _LOOK_EVERY_S)

    async def _delete(self) -> None:
        """Delete what is old enough."""
        deleted = await self._retention.apply()
        await self._retention.forget_keys()
        await self._retention.forget_threads()
        if deleted:
            log.runs_expired(deleted)
