"""A step that keeps the event loop to itself, seen from the thread beside it.

While it does, nobody is served, and nothing on the loop can stop it: its timeout, a cancel and
a stop need the loop too. So it is named in the log, and after a limit the process ends, to be
started again; the attempt then counts as cut off by its own fault.

Time is counted in looks of the thread that watches, never by a clock: a process that was
suspended has not been blocked. Nothing ends while somebody debugs what the loop stands on.
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
        """Begin to count; `end` is called once a step has kept the loop for `limit_s`, 0: never."""
        self._limit_s = limit_s
        self._notice_s = min(_NOTICE_S, limit_s / 2) if limit_s else _NOTICE_S
        self._look_every_s = look_every_s
        self._end = end
        self.turned()

    def turned(self) -> None:
        """Note that the loop has come round."""
        self._step: AtWork | None = None
        self._looks = 0
        self._is_noticed = False

    def stands(
        self, frame: FrameType | None, loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        """Note that the loop has not come round since the last look; the rest as `at_work_in`."""
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
    """Return what ends the process as kill -9 does, once the run to be blamed is noted."""

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
