"""The one place that reads the time."""

import time
from typing import Protocol

_NOTED_MS = 200


class Clock(Protocol):
    """Tells the time."""

    def now_ms(self) -> int:
        """Return the wall clock's time in Unix milliseconds."""
        ...


class StoreClock:
    """The clock of the store, for several machines whose own clocks differ."""

    def __init__(self, own: Clock) -> None:
        """Take the machine's clock, to which is added how far the store's is ahead."""
        self._own = own
        self._ahead_ms = 0

    def set_by(self, store_ms: int) -> None:
        """Note what the store's clock shows now; what a slow answer may be off by is left."""
        ahead_ms = store_ms - self._own.now_ms()
        if abs(ahead_ms - self._ahead_ms) > _NOTED_MS:
            self._ahead_ms = ahead_ms

    def now_ms(self) -> int:
        """Return the time of the store in Unix milliseconds."""
        return self._own.now_ms() + self._ahead_ms


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Return the wall clock's time in Unix milliseconds."""
        return time.time_ns() // 1_000_000
