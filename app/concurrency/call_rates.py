"""Limits how often a host, a tool or a model may be called, over all callers together.

Calls of one name are spaced evenly, so no period has more calls than the rate allows. Callers that
wait are served by tenant in turn. Calls made before a restart are not known after it, so the first
call of a name waits for one interval after the start.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import nullcontext

from app.concurrency.attempt_timeout import waiting_for_turn
from app.concurrency.fair_queue import FairQueue

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def space_s(rate: str) -> float:
    """Return the seconds between two calls at a rate such as `10/s` or `100/m`."""
    count, _, unit = rate.partition("/")
    return _SECONDS[unit] / int(count)


class CallLine:
    """The callers that wait to call one name, which is called at most once in `space_s` seconds."""

    def __init__(self, space_s: float, next_s: float, acting: FairQueue) -> None:
        """Allow the first call at `next_s` of the loop's time; a step that waits lends its turn."""
        self._whole_s = self._space_s = space_s
        self._next_s = next_s
        self._acting = acting
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def share(self, parts: int) -> None:
        """Use one of `parts` equal parts of the rate."""
        self._space_s = self._whole_s * parts

    async def wait(self, tenant: str, *, holds_turn: bool) -> None:
        """Wait until a call may be made; meanwhile others have the turn and no timeout counts."""
        now_s = asyncio.get_running_loop().time()
        if not self._waiting and self._next_s <= now_s:
            self._next_s = now_s + self._space_s
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(place)
        self._serve_later()
        async with self._acting.lent(tenant) if holds_turn else nullcontext():
            with waiting_for_turn():
                await place

    def _serve_later(self) -> None:
        if self._timer is None and self._waiting:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(self._next_s, loop.time()), self._serve)

    def _serve(self) -> None:
        """Allow the next call: the first in line of the tenant whose turn it is."""
        self._timer = None
        while self._waiting:
            tenant, places = next(iter(self._waiting.items()))
            del self._waiting[tenant]
            place = places.popleft()
            if places:
                self._waiting[tenant] = places  # to the end of the round
            if not place.done():  # otherwise the caller was cancelled meanwhile
                place.set_result(None)
                self._next_s = asyncio.get_running_loop().time() + self._space_s
                break
        self._serve_later()


class CallRates:
    """The waiting lines of all names that have a rate."""

    def __init__(self, rates: Mapping[str, str], acting: FairQueue) -> None:
        """Take rates by name (`host:NAME`, `tool:ID`, `model:NAME`), and the queue of turns."""
        now_s = asyncio.get_running_loop().time()
        self._lines = {
            name: CallLine(space, now_s + space, acting)
            for name, space in ((name, space_s(rate)) for name, rate in rates.items())
        }

    def share(self, processes: int) -> None:
        """Use this process's part of every rate, as one of so many processes."""
        for line in self._lines.values():
            line.share(processes)

    async def wait(self, name: str, tenant: str, *, holds_turn: bool) -> None:
        """Wait until the name may be called; others have the turn and no timeout counts."""
        line = self._lines.get(name)
        if line is not None:
            await line.wait(tenant, holds_turn=holds_turn)
