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
    """The clock of the store, for several machines whose own clocks differ, or are set."""

    def __init__(self, own: Clock) -> None:
        """Take the machine's clock, which counts until the store has told its time."""
        self._own = own
        self._ahead_ms: int | None = None

    def set_by(self, store_ms: int) -> None:
        """Note what the store's clock shows now; what a slow answer may be off by is left.

        Until the next time it goes on by what has passed, whatever becomes of the machine's.
        """
        now_ms = self.now_ms()
        if self._ahead_ms is None or abs(store_ms - now_ms) > _NOTED_MS:
            is_far = abs(store_ms - now_ms) > _NOTED_MS
            self._ahead_ms = (store_ms if is_far else now_ms) - _passed_ms()

    def now_ms(self) -> int:
        """Return the time of the store in Unix milliseconds."""
        return self._own.now_ms() if self._ahead_ms is None else _passed_ms() + self._ahead_ms


def _passed_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Return the wall clock's time in Unix milliseconds."""
        return time.time_ns() // 1_000_000
