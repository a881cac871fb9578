"""Runs blocking functions, each in a thread of its own.

A thread cannot be stopped. If the call of a function that never returns is given up, its thread
stays. In a pool it would hold a place for ever: eventually no other function could run, and
stopping the process would wait for it. Each thread therefore belongs to one call, is not joined
when the process stops, and counts only against its own function and tenant if it is left behind.
"""

import asyncio
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from steps.contract.step_type import StepBroke

_MOST_LEFT = 100
_GREED = 4
"""A tenant may leave this many times as many calls of a tool as may still be left by all."""


class ToolThreads:
    """The threads of all functions."""

    def __init__(self, most: int) -> None:
        """Allow `most` concurrent calls."""
        self._turns = asyncio.Semaphore(most)
        self._left: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._lock = threading.Lock()

    def left_by(self, tool_id: str) -> int:
        """Return how many calls of a tool were given up and are still running."""
        return self._left[tool_id].total() if tool_id in self._left else 0

    async def run(self, tool_id: str, tenant: str, call: Callable[[], Any]) -> Any:
        """Return the result of `call` or raise its error; a cancelled call is left behind.

        Raises `StepBroke` if the tenant has left too many calls of the tool behind.
        """
        left = self.left_by(tool_id)
        if left and self._left[tool_id][tenant] >= _GREED * (_MOST_LEFT - left):
            message = (
                f"{left} calls of tool {tool_id} were given up and have not come back, so it "
                "is not called again before one has; it may wait for something without a limit"
            )
            raise StepBroke("ToolFailed", message)
        async with self._turns:
            done: Future[Any] = Future()
            done.set_running_or_notify_cancel()
            name = f"tool {tool_id}"
            threading.Thread(target=_work, args=(call, done), name=name, daemon=True).start()
            try:
                return await asyncio.wrap_future(done)
            finally:
                if not done.done():
                    self._leave(tool_id, tenant, done)

    def _leave(self, tool_id: str, tenant: str, done: Future[Any]) -> None:
        with self._lock:
            self._left[tool_id][tenant] += 1
        done.add_done_callback(lambda _: self._came_back(tool_id, tenant))

    def _came_back(self, tool_id: str, tenant: str) -> None:
        with self._lock:
            self._left[tool_id] -= Counter({tenant: 1})


def _work(call: Callable[[], Any], done: Future[Any]) -> None:
    try:
        result = call()
    except Exception as failed:  # noqa: BLE001 - the waiting call raises it
        is_odd = isinstance(failed, StopIteration)  # a coroutine cannot raise it
        done.set_exception(RuntimeError("StopIteration") if is_odd else failed)
    except BaseException as left:  # noqa: BLE001 - it must not end the loop
        done.set_exception(RuntimeError(f"{type(left).__name__}: {left}"))
    else:
        done.set_result(result)
