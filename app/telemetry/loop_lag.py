"""Measures how late the event loop is, what stalls it, and which step blocks it.

A heartbeat on the loop shows that it turns. When a thread beside it misses the heartbeat, and stall
logging is on, it logs where the loop's thread is at that moment and how much processor time it has
used since. Much processor time means that our code blocks the loop; little means that the machine
is busy elsewhere. Steps that block the loop are handled in `blocked_step.py`.
"""

import asyncio
import threading
import time
from collections.abc import Callable

from app.telemetry import log
from app.telemetry.at_work import AtWork, task_of_step
from app.telemetry.blocked_step import BlockedStep
from app.telemetry.counters import Counters
from app.telemetry.stacks import frame_of, stack_of

_BEAT_S = 0.05
_LOOK_S = 0.25


class LoopLag:
    """Measures the loop's lag; logs the stack of stalls longer than `stall_ms` unless that is 0.

    Calls `end` in a separate thread once a step has blocked the loop for `blocked_limit_s`, unless
    that is 0.
    """

    def __init__(
        self,
        counters: Counters,
        stall_ms: int,
        blocked_limit_s: float,
        end: Callable[[AtWork], None],
    ) -> None:
        self._counters = counters
        self._stall_s = stall_ms / 1_000
        self._beat_s = min(_BEAT_S, self._stall_s / 4) if stall_ms else _BEAT_S
        self._look_s = self._beat_s if stall_ms else _LOOK_S
        self._blocked = BlockedStep(blocked_limit_s, self._look_s, end)
        self._beat_at = time.perf_counter()
        self._cpu_at = time.thread_time()
        self._stopped = threading.Event()

    async def run(self) -> None:
        """Send heartbeats until cancelled."""
        watched, loop = threading.get_ident(), asyncio.get_running_loop()
        if isinstance(loop, asyncio.BaseEventLoop):
            frameless = None
        else:
            frameless = loop
            loop.set_task_factory(task_of_step)
        threading.Thread(target=self._watch, args=(watched, frameless), daemon=True).start()
        try:
            while True:
                due = time.perf_counter() + self._beat_s
                await asyncio.sleep(self._beat_s)
                self._beat_at, self._cpu_at = time.perf_counter(), time.thread_time()
                self._counters.lag.note(max(0.0, self._beat_at - due))
        finally:
            self._stopped.set()

    def _watch(self, watched: int, loop: asyncio.AbstractEventLoop | None) -> None:
        """Check the heartbeat repeatedly; log each stall once, while it lasts.

        `loop` is the event loop; give it if its callbacks have no frames.
        """
        seen = logged = 0.0
        while not self._stopped.wait(self._look_s):
            beat_at, cpu_at = self._beat_at, self._cpu_at
            if beat_at != seen:
                seen = beat_at
                self._blocked.turned()
                continue
            frame = frame_of(watched)
            self._blocked.stands(frame, loop)
            late_s = time.perf_counter() - beat_at - self._beat_s
            if self._stall_s and late_s >= self._stall_s and beat_at != logged:
                logged = beat_at
                log.loop_stalled(late_s, _cpu_s(watched) - cpu_at, stack_of(frame))


def _cpu_s(thread: int) -> float:
    return time.clock_gettime(time.pthread_getcpuclockid(thread))
