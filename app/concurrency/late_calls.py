"""Calls for when something has taken too long: nearly all are taken back before.

A timer of the event loop for each would be put in order among the others, and swept up later. These
are gathered by their moment, and those of one moment share a timer. One comes up to 50 ms late, and
never early.
"""

import asyncio
from collections.abc import Callable

_A_SECOND = 20
"""Moments a second."""


class LateCall:
    """A call that is due at a moment."""

    __slots__ = ("_calls",)

    def __init__(self, calls: "dict[LateCall, Callable[[], object]]") -> None:
        self._calls = calls

    def cancel(self) -> None:
        """Take it back; it may have come."""
        self._calls.pop(self, None)


class LateCalls:
    """The calls that are due, by their moments."""

    def __init__(self) -> None:
        self._due: dict[int, dict[LateCall, Callable[[], object]]] = {}

    def later(self, delay_s: float, call: Callable[[], object]) -> LateCall:
        """Return a call that is made from the event loop unless it is taken back."""
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
