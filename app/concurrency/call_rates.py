"""How often something may be called, whoever calls: a host, a tool, a model.

Calls of one name are spaced evenly, so that in no time more than the rate allows come together.
Who waits stands in line by tenant in turn. What was called before a restart is not known after
it, so that the first call of a name comes one space after the start.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field

from app.concurrency.attempt_timeout import waiting_for_turn
from app.concurrency.fair_queue import FairQueue

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def space_s(rate: str) -> float:
    """Return the seconds between two calls at a rate such as `10/s` or `100/m`."""
    count, _, unit = rate.partition("/")
    return _SECONDS[unit] / int(count)


@dataclass(slots=True)
class _Line:
    """Those who wait to call one name."""

    space_s: float
    next_s: float
    waiting: dict[str, deque[asyncio.Future[None]]] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None


class CallRates:
    """The lines of all names that have a rate."""

    def __init__(self, rates: Mapping[str, str], acting: FairQueue) -> None:
        """Take rates by name (`host:NAME`, `tool:ID`, `model:NAME`), and whose turns wait."""
        now_s = asyncio.get_running_loop().time()
        self._acting = acting
        self._lines = {
            name: _Line(space, now_s + space)
            for name, space in ((name, space_s(rate)) for name, rate in rates.items())
        }

    async def wait(self, name: str, tenant: str, *, holds_turn: bool) -> None:
        """Wait until the name may be called; others have the turn, and no timeout counts."""
        line = self._lines.get(name)
        if line is None:
            return
        now_s = asyncio.get_running_loop().time()
        if not line.waiting and line.next_s <= now_s:
            line.next_s = now_s + line.space_s
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.waiting.setdefault(tenant, deque()).append(place)
        self._serve_later(line)
        async with self._acting.lent(tenant) if holds_turn else nullcontext():
            with waiting_for_turn():
                await place

    def _serve_later(self, line: _Line) -> None:
        if line.timer is None and line.waiting:
            loop = asyncio.get_running_loop()
            line.timer = loop.call_at(max(line.next_s, loop.time()), self._serve, line)

    def _serve(self, line: _Line) -> None:
        """Let the next one call: the first in line of the tenant whose turn it is."""
        line.timer = None
        while line.waiting:
            tenant, places = next(iter(line.waiting.items()))
            del line.waiting[tenant]
            place = places.popleft()
            if places:
                line.waiting[tenant] = places  # to the end of the round
            if not place.done():  # else it was cancelled meanwhile
                place.set_result(None)
                line.next_s = asyncio.get_running_loop().time() + line.space_s
                break
        self._serve_later(line)
