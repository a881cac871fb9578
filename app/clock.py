"""The only file that reads the time."""

import time
from collections.abc import Callable
from typing import Protocol

_NOTED_MS = 200
_JUMP_MS, _BELIEVED_AFTER_MS = 3_600_000, 86_400_000


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


def _passed_with_sleep_ms() -> int:
    """Return the time since some moment, with that in which the machine was suspended."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) // 1_000_000


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Return the wall clock's time in Unix milliseconds."""
        return time.time_ns() // 1_000_000


class ForwardJumps:
    """Notices that a clock has been set forward while the process runs.

    A suspended machine and a slow correction are not jumps. A jump that has lasted a day is
    believed: then the clock is right now, and was wrong before.
    """

    def __init__(self, clock: Clock, passed_ms: Callable[[], int] = _passed_with_sleep_ms) -> None:
        """Watch a clock; `passed_ms` counts time, and nothing that sets the clock changes it."""
        self._clock = clock
        self._passed_ms = passed_ms
        self._last_ms, self._last_passed_ms = clock.now_ms(), passed_ms()
        self._since_ms: int | None = None

    def ahead_ms(self) -> int:
        """Return by how much the clock is ahead of where it ought to be, 0 if it is right."""
        now_ms, passed_ms = self._clock.now_ms(), self._passed_ms()
        ahead_ms = now_ms - self._last_ms - (passed_ms - self._last_passed_ms)
        if ahead_ms <= _JUMP_MS:
            self._since_ms = None
        elif self._since_ms is None:
            self._since_ms = passed_ms
            return ahead_ms
        elif passed_ms - self._since_ms < _BELIEVED_AFTER_MS:
            return ahead_ms
        self._last_ms, self._last_passed_ms, self._since_ms = now_ms, passed_ms, None
        return 0
