"""Compares the cost of inputs of two sizes in this process, for work inside other languages' code.

Where `counted_work` sees a single call, such as a regular expression over a whole text, processor
time is compared with itself: a machine that is slow is slow for both.
"""

import time
from collections.abc import Callable


def cost_ratio(act: Callable[[int], object], size: int, times: int = 8) -> float:
    """Return how many times as much processor time `times` the size takes; the best of three."""

    def cost(of: int) -> float:
        began = time.process_time_ns()
        act(of)
        return max(time.process_time_ns() - began, 100_000)

    act(size)
    small = max(min(cost(size) for _ in range(3)), 1)
    return min(cost(size * times) for _ in range(3)) / small
