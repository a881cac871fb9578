"""Notices that the clock was set, while the server runs or between a stop and the next start.

A clock that was set back makes credentials last longer than they should, and what was due soon
wait for long. One that was set forward makes everything old at once, which retention would delete.
"""

import contextlib
import time
from collections.abc import Awaitable, Callable

from app.clock import Clock, passed_with_sleep_ms
from app.telemetry import log
from journal import ClockMark, ClockMarks, JournalError

_SET_BACK_MS = 60_000
_JUMP_MS = 3_600_000
_LONG_STOP_MS = 86_400_000
"""A longer time between a stop and a start could also be a clock that was set forward."""

BELIEVED_AFTER_MS = 86_400_000
_SURE_AFTER_MS = 3_600_000
_KEPT_EVERY_S = 600.0


class ClockWatch:
    """Watches a clock, and keeps in the journal what it has seen.

    A suspended machine and a slow correction are not jumps. A jump forward that has lasted a day is
    believed: then the clock is right now, and was wrong before.

    Attributes:
        on_set_back: Called by `look` when the clock was set back, also before this start.
    """

    def __init__(
        self,
        clock: Clock,
        marks: ClockMarks | None,
        passed_ms: Callable[[], int] = passed_with_sleep_ms,
    ) -> None:
        """Watch a clock; `passed_ms` counts time, and nothing that sets the clock changes it.

        Without `marks` only what happens while this process runs is noticed.
        """
        self._clock = clock
        self._marks = marks
        self._passed_ms = passed_ms
        self._seen_ms, self._passed_at_ms = clock.now_ms(), passed_ms()
        self._ahead_ms, self._doubted_ms = 0, 0
        self._kept = ClockMark(0)
        self._keep_at = time.monotonic()
        self._was_set_back = False
        self.on_set_back: list[Callable[[], Awaitable[None]]] = []

    def now_ms(self) -> int:
        """Return the time without what the clock may have been set forward wrongly."""
        return self._clock.now_ms() - self.ahead_ms()

    def ahead_ms(self) -> int:
        """Return by how much the clock may be ahead of where it ought to be, 0 if it is right."""
        now_ms, passed_ms = self._clock.now_ms(), self._passed_ms()
        leap_ms = now_ms - self._seen_ms - (passed_ms - self._passed_at_ms)
        if abs(leap_ms) > _SET_BACK_MS:
            self._leapt(leap_ms, now_ms, _JUMP_MS)
        self._seen_ms, self._passed_at_ms = now_ms, passed_ms
        if self._ahead_ms and now_ms - self._doubted_ms >= BELIEVED_AFTER_MS:
            self._ahead_ms = 0
        return self._ahead_ms

    async def begin(self) -> None:
        """Compare the clock with what the last process has seen of it."""
        if self._marks is None:
            return
        now_ms, mark = self._clock.now_ms(), await self._marks.get()
        if mark is None:  # of a version that kept none, and could have been stopped for long
            mark = ClockMark(max(now_ms, await self._marks.newest_ms()))
        self._ahead_ms, self._doubted_ms = mark.ahead_ms, mark.doubted_ms
        leap_ms = now_ms - mark.seen_ms
        if leap_ms > _LONG_STOP_MS and mark.seen_ms - mark.doubted_ms >= _SURE_AFTER_MS:
            self._ahead_ms = 0  # it went on from there, so it was right
        if leap_ms > _LONG_STOP_MS or leap_ms < -_SET_BACK_MS:
            self._leapt(leap_ms, now_ms, _LONG_STOP_MS)
        elif self._ahead_ms:
            log.clock_ahead(self._ahead_ms // 1_000)
        if self._was_set_back:
            with contextlib.suppress(JournalError):  # it is done later then
                await self.look()

    async def look(self) -> None:
        """Look at the clock; tell of it, and store what is seen, if that is due."""
        is_new = self.ahead_ms() != self._kept.ahead_ms or self._was_set_back
        if self._was_set_back:
            for heard in self.on_set_back:
                await heard()
            self._was_set_back = False
        if is_new or time.monotonic() >= self._keep_at:
            await self.keep()

    async def keep(self) -> None:
        """Store what was seen of the clock, as far as the journal can be written."""
        self.ahead_ms()
        if self._marks is None:
            return
        self._keep_at = time.monotonic() + _KEPT_EVERY_S
        mark = ClockMark(self._seen_ms, self._ahead_ms, self._doubted_ms)
        with contextlib.suppress(JournalError):
            await self._marks.keep(mark)
            self._kept = mark

    def _leapt(self, leap_ms: int, now_ms: int, doubted_from_ms: int) -> None:
        was_ahead, ahead_ms = self._ahead_ms > 0, self._ahead_ms + leap_ms
        if leap_ms > doubted_from_ms or (was_ahead and ahead_ms > _JUMP_MS):
            self._ahead_ms = ahead_ms
            self._doubted_ms = now_ms if leap_ms > 0 else min(self._doubted_ms, now_ms)
        else:
            self._ahead_ms = 0
        if leap_ms > 0 and self._ahead_ms:
            log.clock_ahead(ahead_ms // 1_000)
        elif leap_ms < 0:
            self._was_set_back = True
            log.clock_set_back(-leap_ms // 1_000)
