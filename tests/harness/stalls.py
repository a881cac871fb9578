"""A plug-in that measures each callback of the server's event loop by the processor's time.

Wall time would blame the loop for a busy machine. What a callback burns of the loop's own
thread is what nobody else can be served in. The longest ones are written to the file that
LOOP_CALLBACKS names, one JSON line each. A processor that is shared with other virtual
machines, or with another thread of its core, takes up to three times as long for the same
work; so what was burned is also told in milliseconds of the reference machine, `ms`.
"""

import asyncio
import gc
import json
import os
import time
from typing import Any

_FILE = os.environ.get("LOOP_CALLBACKS", "")
_WORTH_S = float(os.environ.get("LOOP_CALLBACKS_MS", "25")) / 1_000
_REFERENCE_TURNS, _REFERENCE_S = 200_000, 0.0032
"""Turns of an empty loop, and what they take on the reference machine when it is quiet."""

_run = asyncio.Handle._run


def _measured(handle: Any) -> None:
    before, _collecting["spent"] = time.thread_time(), 0.0
    _run(handle)
    burned = time.thread_time() - before
    if burned > _WORTH_S:
        with open(_FILE, "a") as out:  # noqa: PTH123 - this may run at the very end of a process
            long = {
                "ms": round(burned * 1_000 / _slowness(), 1),
                "burned_ms": round(burned * 1_000, 1),
                "collecting_ms": round(_collecting["spent"] * 1_000, 1),
                "what": repr(handle),
            }
            out.write(json.dumps(long) + "\n")


def _slowness() -> float:
    """Return how many times slower than the reference machine this one is now, 1 at least."""
    times = []
    for _ in range(3):
        began = time.thread_time()
        for _ in range(_REFERENCE_TURNS):
            pass
        times.append(time.thread_time() - began)
    return max(1.0, sorted(times)[1] / _REFERENCE_S)


_collecting = {"since": 0.0, "spent": 0.0}


def _collected(phase: str, _: dict[str, int]) -> None:
    if phase == "start":
        _collecting["since"] = time.thread_time()
    else:
        _collecting["spent"] += time.thread_time() - _collecting["since"]


if _FILE:
    gc.callbacks.append(_collected)
    asyncio.Handle._run = _measured  # type: ignore[method-assign, assignment] # each turn is measured
