"""Where transactions are written: on the event loop's thread while they are short.

The way to a thread and back costs more than a short transaction, and there each row waits for
the interpreter while the loop computes. A long one would keep the loop, so where the disk is slow
transactions go to the thread; the shortest of a while there says when the disk is fast again.
Of one that is not large only the flush goes there: its statements take no time of the disk, and on
the thread each of them would wait for the interpreter.
"""

import time
from collections.abc import Callable

_SHORT_S = 0.001
"""What transactions may take on the loop on average."""

_LONG_S = 0.002
"""One that takes longer sends the next ones to the thread."""

_ROWS = 256
"""Rows of a transaction that may be written on the loop."""

_ROWS_BEGUN = 512
"""Rows of a transaction whose statements may be executed on the loop, a millisecond or two."""

_HELD_S = 0.03
"""Statements that take longer than this have waited for another program."""

_LONGEST_APART_S = 60.0
"""How long no statement is executed on the loop at most, after some have taken long."""

_WHILE_S = 0.1
_LONGEST_WHILE_S = 1.0
"""How long transactions stay on the thread at least; the longer, the sooner they had to go back."""


class Pace:
    """Says where the next transaction is written, from how long the last ones took."""

    def __init__(self, now_s: Callable[[], float] = time.perf_counter) -> None:
        self.now_s = now_s
        self.is_short = False
        self._average_s = 0.0
        self._while_s = _WHILE_S
        self._began_s = now_s()
        self._shortest_s = float("inf")
        self._apart_s = _LONGEST_WHILE_S
        self._apart_until_s = 0.0

    def fits(self, rows: int) -> bool:
        """Say whether a transaction of so many rows may be written on the loop's thread."""
        return self.is_short and rows <= _ROWS

    def on_loop(self, took_s: float) -> None:
        """Note a transaction on the loop's thread, without what others had of the processor."""
        self._average_s += (took_s - self._average_s) / 8
        if took_s > _LONG_S or self._average_s > _SHORT_S:
            self.is_short = False
            lasted_s = self.now_s() - self._began_s
            is_soon = lasted_s < 4 * self._while_s
            self._while_s = min(2 * self._while_s, _LONGEST_WHILE_S) if is_soon else _WHILE_S
            self._begin()

    def on_thread(self, took_s: float) -> None:
        """Note a transaction on the thread, its wait for the interpreter included."""
        self._shortest_s = min(self._shortest_s, took_s)
        if self.now_s() - self._began_s < self._while_s:
            return
        if self._shortest_s < _SHORT_S:
            self.is_short = True
            self._average_s = self._shortest_s
        self._begin()

    def begins_on_loop(self, rows: int) -> bool:
        """Say whether the statements of a transaction of so many rows may be executed there."""
        return rows <= _ROWS_BEGUN and self.now_s() >= self._apart_until_s

    def begun(self, took_s: float, *, from_disk: bool) -> None:
        """Note how long statements took on the loop, and whether they had to read from the disk.

        Without that it was the processor that was somebody else's, unless it took so long that
        another program must have held the database.
        """
        if took_s <= (_LONG_S if from_disk else _HELD_S):
            return
        now_s = self.now_s()
        is_again = now_s < self._apart_until_s + 4 * self._apart_s
        self._apart_s = min(2 * self._apart_s, _LONGEST_APART_S) if is_again else _LONGEST_WHILE_S
        self._apart_until_s = now_s + self._apart_s

    def _begin(self) -> None:
        self._began_s, self._shortest_s = self.now_s(), float("inf")
