"""A plug-in that measures each callback of the server's event loop by the processor's time.

Wall time would blame the loop for a busy machine. What a callback burns of the loop's own
thread is what nobody else can be served in. The longest ones are written to the file that
LOOP_CALLBACKS names, one JSON line each.
"""

import asyncio
import gc
import json
import os
import time
from typing import Any

_FILE = os.environ.get("LOOP_CALLBACKS", "")
_WORTH_S = float(os.environ.get("LOOP_CALLBACKS_MS", "25")) / 1_000
_run = asyncio.Handle._run


def _measured(handle: Any) -> None:
    before, _collecting["spent"] = time.thread_time(), 0.0
    _run(handle)
    burned = time.thread_time() - before
    if burned > _WORTH_S:
        with open(_FILE, "a") as out:  # noqa: PTH123 - this may run at the very end of a process
            long = {
                "ms": round(burned * 1_000, 1),
                "collecting_ms": round(_collecting["spent"] * 1_000, 1),
                "what": repr(handle),
            }
            out.write(json.dumps(long) + "\n")


_collecting = {"since": 0.0, "spent": 0.0}


def _collected(phase: str, _: dict[str, int]) -> None:
    if phase == "start":
        _collecting["since"] = time.thread_time()
    else:
        _collecting["spent"] += time.thread_time() - _collecting["since"]


if _FILE:
    gc.callbacks.append(_collected)
    asyncio.Handle._run = _measured  # type: ignore[method-assign]
