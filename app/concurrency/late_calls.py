"""Timeouts that are cheap to cancel: nearly all are cancelled before they are due.

With one timer of the event loop for each call, the loop would have to sort each one and remove it
later. Here calls are grouped by the moment they are due, and each group shares one timer. A call
comes up to 50 ms late, and never early.
"""

import asyncio
from collections.abc import Callable

_A_SECOND = 20
"""Moments per second."""


class LateCall:
    """A call that will be made at a moment unless it is cancelled."""

    __slots__ = ("_calls",)

    def __init__(self, calls: "dict[LateCall, Callable[[], object]]") -> None:
        self._calls = calls

    def cancel(self) -> None:
        """Cancel the call; no effect if it was made already."""
        self._calls.pop(self, None)


class LateCalls:
    """The pending calls, grouped by the moment they are due."""

    def __init__(self) -> None:
        self._due: dict[int, dict[LateCall, Callable[[], object]]] = {}

    def later(self, delay_s: float, call: Callable[[], object]) -> LateCall:
        """Call `call` from the event loop after `delay_s` seconds, unless it is cancelled."""
        loop = asyncio.get_running_loop()
        moment = int((loop.time() + delay_s) * _A_SECOND) + 1
        calls = self._due.get(moment)
        if calls is None:
            calls = self._due[moment] = {}
            loop.call_at(moment / _A_SECOND, self._come, moment)
        made = LateCall(calls)
        calls[made] = call
        return made

    def _come(self, moment: int) -> None:
        calls = self._due.pop(moment)
        while calls:
            _, call = calls.popitem()
            call()
