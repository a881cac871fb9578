"""Counts work instead of time, so that a busy machine does not change the result."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_CALLBACK = asyncio.Handle._run.__code__


@contextmanager
def counted_callbacks() -> Iterator[list[int]]:
    """Yield the number of calls of functions in each callback of the event loop."""
    calls = [0]

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code is _CALLBACK:
            calls.append(0)
        calls[-1] += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)


def calls_of(act: Callable[[], object]) -> int:
    """Return how many function calls `act` makes, including built-in functions."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count


def lines_of(act: Callable[[], object]) -> int:
    """Return how many lines `act` executes, each iteration of a loop included."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return note

    before = sys.gettrace()
    sys.settrace(note)
    try:
        act()
    finally:
        sys.settrace(before)
    return count
