"""Decides where transactions are written: on the event loop's thread while they are short.

Going to a thread and back costs more than a short transaction, and there each row waits for the
interpreter while the loop computes. A long transaction would block the loop, so if the disk is
slow, transactions go to the thread. When the shortest of a period there is fast, they return to the
loop. For a transaction of moderate size only the flush goes to the thread: its statements need no
time of the disk, and on the thread each of them would wait for the interpreter. The time of the
commit decides therefore, measured on the thread without the way there and back: while the loop
computes, these ways take longer than a flush.
"""

import time
from collections.abc import Callable

_SHORT_S = 0.001
"""How many seconds transactions may take on the loop on average.

One that takes six times as long is enough to raise the average of short ones above it. Being less
patient would not pay: while the loop computes, each transaction on the thread waits some
milliseconds for the interpreter.
"""

_LONG_S = 0.002
"""How many seconds statements may take on the loop: on average, or if they read from the disk."""

_ROWS = 512
"""How many rows of a transaction may be written on the loop: those of 256 appends, in 1.3 ms."""

_ROWS_BEGUN = 800
"""With so many rows, statements may still be executed on the loop: two milliseconds."""

_HELD_S = 0.03
"""Statements that take more seconds than this have waited for another program."""

_LONGEST_AWAY_S = 60.0
"""For how many seconds at most no statement is executed on the loop, after some took long."""

_LONG_CHECKPOINT_S = 0.01
"""A checkpoint that keeps the loop for more seconds sends the next ones to the thread."""

_CHECKPOINTS_AWAY_S = 60.0
"""For how many seconds checkpoints then stay there."""

_WHILE_S = 0.1
_LONGEST_WHILE_S = 1.0
"""The longest minimum stay on the thread, in seconds; returning there soon lengthens it."""


class Pace:
    """Decides where the next transaction is written, from how long the last ones took."""

    def __init__(self, now_s: Callable[[], float] = time.perf_counter) -> None:
        self.now_s = now_s
        self.is_short = False
        self._average_s = self._average_begun_s = 0.0
        self._while_s = _WHILE_S
        self._began_s = now_s()
        self._shortest_s = float("inf")
        self._away_s = _LONGEST_WHILE_S
        self._away_until_s = 0.0
        self._no_checkpoint_until_s = 0.0

    def fits(self, rows: int) -> bool:
        """Return whether a transaction of so many rows may be written on the loop's thread."""
        return self.is_short and rows <= _ROWS

    def on_loop(self, begun_s: float, flushed_s: float) -> None:
        """Record how many seconds a transaction's statements took on the loop, and its commit."""
        self._average_begun_s += (begun_s - self._average_begun_s) / 8
        self._average_s += (flushed_s - self._average_s) / 8
        if self._average_s > _SHORT_S or self._average_begun_s > _LONG_S:
            self.is_short = False
            lasted_s = self.now_s() - self._began_s
            is_soon = lasted_s < 4 * self._while_s
            self._while_s = min(2 * self._while_s, _LONGEST_WHILE_S) if is_soon else _WHILE_S
            self._begin()

    def on_thread(self, flushed_s: float) -> None:
        """Record how many seconds a commit took on the thread, without the way there and back."""
        self._shortest_s = min(self._shortest_s, flushed_s)
        if self.now_s() - self._began_s < self._while_s:
            return
        if self._shortest_s < _SHORT_S:
            self.is_short = True
            self._average_s, self._average_begun_s = self._shortest_s, 0.0
        self._begin()

    def begins_on_loop(self, rows: int) -> bool:
        """Return whether the statements of a transaction with so many rows may run on the loop."""
        return rows <= _ROWS_BEGUN and self.now_s() >= self._away_until_s

    def begun(self, took_s: float, *, from_disk: bool) -> None:
        """Record how long statements took on the loop, and whether they had to read from the disk.

        If they did not, another program had the processor. The time then counts only if it is so
        long that another program must have locked the database.
        """
        if took_s <= (_LONG_S if from_disk else _HELD_S):
            return
        now_s = self.now_s()
        is_again = now_s < self._away_until_s + 4 * self._away_s
        self._away_s = min(2 * self._away_s, _LONGEST_AWAY_S) if is_again else _LONGEST_WHILE_S
        self._away_until_s = now_s + self._away_s

    def checkpoints_on_loop(self) -> bool:
        """Return whether a checkpoint may be made on the loop's thread."""
        return self.is_short and self.now_s() >= self._no_checkpoint_until_s

    def checkpointed(self, took_s: float) -> None:
        """Record how many seconds a checkpoint took on the loop."""
        if took_s > _LONG_CHECKPOINT_S:
            self._no_checkpoint_until_s = self.now_s() + _CHECKPOINTS_AWAY_S

    def _begin(self) -> None:
        self._began_s, self._shortest_s = self.now_s(), float("inf")
