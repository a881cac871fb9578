"""A plug-in that samples where a server's processor time goes, once per millisecond of it.

Loaded by `STEPWELL_PLUGINS`, it records the executing function each time the process has used
another millisecond, and on SIGUSR1 writes the counts to the file named by `BENCH_SAMPLES`. Work of
the kernel and of C functions counts for the calling function.
"""

import json
import os
import signal
from collections import Counter
from pathlib import Path
from types import FrameType

VARIABLE = "BENCH_SAMPLES"
_EVERY_S = 0.001

_seen: Counter[tuple[str, str]] = Counter()


def _look(_: int, frame: FrameType | None) -> None:
    if frame is not None:
        code = frame.f_code
        _seen[code.co_filename, code.co_qualname] += 1


def _write(_: int, __: FrameType | None) -> None:
    file = Path(os.environ[VARIABLE])
    part = file.with_suffix(".part")
    part.write_text(json.dumps([[*where, count] for where, count in _seen.items()]))
    part.rename(file)
    _seen.clear()


if VARIABLE in os.environ:
    signal.signal(signal.SIGPROF, _look)
    signal.signal(signal.SIGUSR1, _write)
    signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)
