"""How late the event loop is, and, where asked for, on what it stands still.

A heartbeat on the loop says that it turns. A thread that misses it writes down where the
loop's own thread is at that moment, and how much processor time it has burned since: much
means that our code keeps the loop, little that the machine is busy elsewhere.
"""

import asyncio
import sys
import threading
import time
import traceback

from app.telemetry import log
from app.telemetry.counters import Counters

_BEAT_S = 0.05
_DEEPEST_STACK = 12


class LoopLag:
    """Measures the loop's lag; logs what it stands on beyond `stall_ms` unless that is 0."""

    def __init__(self, counters: Counters, stall_ms: int) -> None:
        self._counters = counters
        self._stall_s = stall_ms / 1_000
        self._beat_s = min(_BEAT_S, self._stall_s / 4) if stall_ms else _BEAT_S
        self._beat_at = time.perf_counter()
        self._cpu_at = time.thread_time()
        self._stopped = threading.Event()

    async def run(self) -> None:
        """Beat until cancelled."""
        if self._stall_s:
            watched = threading.get_ident()
            threading.Thread(target=self._watch, args=(watched,), daemon=True).start()
        try:
            while True:
                due = time.perf_counter() + self._beat_s
                await asyncio.sleep(self._beat_s)
                self._beat_at, self._cpu_at = time.perf_counter(), time.thread_time()
                self._counters.lag.note(max(0.0, self._beat_at - due))
        finally:
            self._stopped.set()

    def _watch(self, watched: int) -> None:
        """Log each stall once, while it lasts."""
        logged = 0.0
        while not self._stopped.wait(self._beat_s):
            beat_at, cpu_at = self._beat_at, self._cpu_at
            late_s = time.perf_counter() - beat_at - self._beat_s
            if late_s < self._stall_s or beat_at == logged:
                continue
            logged = beat_at
            log.loop_stalled(late_s, _cpu_s(watched) - cpu_at, _stack(watched))


def _cpu_s(thread: int) -> float:
    return time.clock_gettime(time.pthread_getcpuclockid(thread))


def _stack(thread: int) -> str:
    frame = sys._current_frames().get(thread)  # noqa: SLF001 - there is no public name for it
    return "".join(traceback.format_stack(frame, _DEEPEST_STACK)) if frame else ""
