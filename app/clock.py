"""The only file that reads the time."""

import time
from typing import Protocol

_NOTED_MS = 200


class Clock(Protocol):
    """Returns the current time."""

    def now_ms(self) -> int:
        """Return the wall clock's time in Unix milliseconds."""
        ...


class StoreClock:
    """The database's clock, used when several machines have clocks that differ or are changed."""

    def __init__(self, own: Clock) -> None:
        """Take the machine's clock, which is used until the database has sent its time."""
        self._own = own
        self._ahead_ms: int | None = None

    def set_by(self, store_ms: int) -> None:
        """Set the clock by the database's time, in Unix milliseconds.

        A difference of up to 200 ms may come from a slow answer and is ignored. Until the next call
        the clock counts elapsed time, so changes of the machine's clock have no effect.
        """
        now_ms = self.now_ms()
        if self._ahead_ms is None or abs(store_ms - now_ms) > _NOTED_MS:
            is_far = abs(store_ms - now_ms) > _NOTED_MS
            self._ahead_ms = (store_ms if is_far else now_ms) - _passed_ms()

    def now_ms(self) -> int:
        """Return the database's time in Unix milliseconds."""
        return self._own.now_ms() if self._ahead_ms is None else _passed_ms() + self._ahead_ms


def _passed_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def passed_with_sleep_ms() -> int:
    """Return the time since some moment, with that in which the machine was suspended."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) // 1_000_000


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Return the wall clock's time in Unix milliseconds."""
        return time.time_ns() // 1_000_000
