"""Where a thread is, seen from another one."""

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
    return sys._current_frames().get(thread)  # noqa: SLF001 - there is no public name for it


def stack_of(frame: FrameType | None) -> str:
    """Write the calls that led to a frame, the innermost last."""
    return "".join(traceback.format_stack(frame, _DEEPEST)) if frame else ""


@contextmanager
def loading_plugins() -> Iterator[None]:
    """Log where the caller is when the block takes long: without that a start is just silent."""
    thread = threading.get_ident()
    timer = threading.Timer(_SLOW_S, lambda: log.plugins_slow(stack_of(frame_of(thread))))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
