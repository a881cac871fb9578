"""Reads where a thread is, from another thread."""

import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from app.telemetry import log

_DEEPEST = 12
_SLOW_S = 10.0


def frame_of(thread: int) -> FrameType | None:
    """Return a thread's innermost frame."""
    return sys._current_frames().get(thread)  # noqa: SLF001 - there is no public API for it


def stack_of(frame: FrameType | None) -> str:
    """Format the calls that led to a frame, innermost last."""
    return "".join(traceback.format_stack(frame, _DEEPEST)) if frame else ""


@contextmanager
def loading_plugins() -> Iterator[None]:
    """Log where the caller is when the block takes long; otherwise a slow start is silent."""
    thread = threading.get_ident()
    timer = threading.Timer(_SLOW_S, lambda: log.plugins_slow(stack_of(frame_of(thread))))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
