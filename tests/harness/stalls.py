"""A plug-in that measures each callback of the server's event loop in processor time.

Wall time would include the load of a busy machine. During the processor time that a callback uses
on the loop's thread, nothing else can be served. The longest callbacks are written to the file
named by LOOP_CALLBACKS, one JSON line each. On a processor shared with other virtual machines, or
with another thread of its core, the same work takes up to three times as long; `ms` is therefore
converted to milliseconds of the reference machine.
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
"""Iterations of an empty loop, and the seconds they take on the idle reference machine."""

_run = asyncio.Handle._run


def _measured(handle: Any) -> None:
    before, _collecting["spent"] = time.thread_time(), 0.0
    _run(handle)
    burned = time.thread_time() - before
    if burned > _WORTH_S:
        with open(_FILE, "a") as out:  # noqa: PTH123 - may run while the process exits
            long = {
                "ms": round(burned * 1_000 / _slowness(), 1),
                "burned_ms": round(burned * 1_000, 1),
                "collecting_ms": round(_collecting["spent"] * 1_000, 1),
                "what": repr(handle),
            }
            out.write(json.dumps(long) + "\n")


def _slowness() -> float:
    """Return how many times slower than the reference machine this one is now, at least 1."""
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
    asyncio.Handle._run = _measured  # type: ignore[method-assign, assignment] # measures each callback
