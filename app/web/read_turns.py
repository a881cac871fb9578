"""Lets requests that only read begin a few at a time while other requests are under way.

A run passes through several iterations of the event loop: after each part of its commits, and once
more for its answer. All requests that have arrived would begin in each of them, so one run beside
sixteen readers waited for all sixteen time and again. Here readers begin for a part of a
millisecond in an iteration, and the rest in the next one; callers take turns. Requests that start
something are not held back: what they write shares its commits.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

Begin: TypeAlias = Callable[[], None]

_SLICE_S = 0.0003
_LONGEST_SLICE_S = 0.002
"""For how long readers begin in one iteration, at least and at most."""

_SHARE = 4
"""Readers get so much less time than all else took since their last turn."""


class ReadTurns:
    """Requests that only read: those of one caller in the order in which they came."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._lines: dict[int, deque[Begin]] = {}
        self._until_s = self._ended_s = 0.0
        self._has_turn = False

    def may_begin(self, caller: int) -> bool:
        """Return whether a request that has just arrived may begin in this iteration."""
        now_s = self._clock()
        if not self._has_turn:
            self._begin_turn(now_s)
        return caller not in self._lines and now_s < self._until_s

    def later(self, caller: int, begin: Begin) -> None:
        """Call `begin` in the next iteration, or in a later one."""
        self._lines.setdefault(caller, deque()).append(begin)

    def _begin_turn(self, now_s: float) -> None:
        others_s = (now_s - self._ended_s) / _SHARE
        self._until_s = now_s + min(max(_SLICE_S, others_s), _LONGEST_SLICE_S)
        self._has_turn = True
        asyncio.get_running_loop().call_soon(self._next_turn)

    def _next_turn(self) -> None:
        """Begin those that are in line, as many as fit into a turn, one of each caller in turn."""
        self._has_turn = False
        if not self._lines:
            self._ended_s = self._clock()
            return
        self._begin_turn(self._clock())
        while self._lines and self._clock() < self._until_s:
            caller = next(iter(self._lines))
            line = self._lines.pop(caller)
            begin = line.popleft()
            if line:
                self._lines[caller] = line
            begin()
        self._ended_s = self._clock()
