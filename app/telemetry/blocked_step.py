"""Detects a step that blocks the event loop, from a thread beside it.

While a step blocks the loop, no request is served and nothing on the loop can stop the step: its
timeout, a cancel and a shutdown need the loop too. So the step is named in the log, and after a
limit the process ends so that it can be restarted; the attempt counts as interrupted by its own
fault.

Time is counted in checks by the watching thread, not by a clock, because a suspended process has
not been blocked. The process never ends while a debugger has stopped the loop.
"""

import asyncio
import os
from collections.abc import Callable
from types import FrameType

from app.telemetry import log
from app.telemetry.at_work import AtWork, at_work_in
from app.telemetry.stacks import stack_of

_NOTICE_S = 2.0


class BlockedStep:
    """Watches one event loop."""

    def __init__(self, limit_s: float, look_every_s: float, end: Callable[[AtWork], None]) -> None:
        """Call `end` once a step has blocked the loop for `limit_s` seconds, unless that is 0."""
        self._limit_s = limit_s
        self._notice_s = min(_NOTICE_S, limit_s / 2) if limit_s else _NOTICE_S
        self._look_every_s = look_every_s
        self._end = end
        self.turned()

    def turned(self) -> None:
        """Record that the loop has completed a turn."""
        self._step: AtWork | None = None
        self._looks = 0
        self._is_noticed = False

    def stands(
        self, frame: FrameType | None, loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        """Record that the loop has not turned since the last look; arguments as in `at_work_in`."""
        step = at_work_in(frame, loop)
        if step is None or step != self._step:
            self.turned()
            self._step = step
        self._looks += 1
        blocked_s = self._looks * self._look_every_s
        if step is None:
            return
        if blocked_s >= self._notice_s and not self._is_noticed:
            self._is_noticed = True
            log.step_blocks(step.run_id, step.step_id, step.tool, blocked_s, stack_of(frame))
        if self._limit_s and blocked_s >= self._limit_s and not _is_debugged(frame):
            log.step_blocked(step.run_id, step.step_id, step.tool, blocked_s, stack_of(frame))
            self._end(step)


def process_end(hold_against: Callable[[str], None]) -> Callable[[AtWork], None]:
    """Return a function that records which run is blamed, then ends the process like kill -9."""

    def end(step: AtWork) -> None:
        hold_against(step.run_id)
        os._exit(os.EX_SOFTWARE)

    return end


def _is_debugged(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_trace is not None:
            return True
        frame = frame.f_back
    return False
