"""Makes the long answers of a tenant one piece in each iteration of the event loop.

Each of them is made in pieces with a pause after each. If several paused by themselves, an
iteration would have a piece of each, and a short request of the same tenant would wait for all.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from app.concurrency.tenant import current_tenant

Pause: TypeAlias = Callable[[], Awaitable[None]]


class LongWork:
    """The long work under way on one event loop, by tenant."""

    def __init__(self) -> None:
        self._under_way = Counter[str]()
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}

    @contextmanager
    def of(self, tenant: str) -> Iterator[Pause]:
        """Yield what lets others have their turn after a piece of the work in the block."""
        self._under_way[tenant] += 1
        try:
            yield lambda: self._pause(tenant)
        finally:
            self._under_way[tenant] -= 1
            if not self._under_way[tenant]:
                del self._under_way[tenant]

    async def _pause(self, tenant: str) -> None:
        if self._under_way[tenant] == 1:
            await asyncio.sleep(0)  # in half of the iterations that a line would need
            return
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        if tenant in self._lines:
            self._lines[tenant].append(turn)
        else:
            self._lines[tenant] = deque([turn])
            loop.call_soon(self._continue_one, tenant)
        await turn

    def _continue_one(self, tenant: str) -> None:
        line = self._lines[tenant]
        while line and (turn := line.popleft()).done():
            pass  # its request was cancelled
        if not turn.done():
            turn.set_result(None)
        if line:
            asyncio.get_running_loop().call_soon(self._continue_one, tenant)
        else:
            del self._lines[tenant]


_by_loop: dict[asyncio.AbstractEventLoop, LongWork] = {}


@contextmanager
def long_work() -> Iterator[Pause]:
    """Yield what makes a pause in long work of the current tenant."""
    loop = asyncio.get_running_loop()
    if loop not in _by_loop:
        _by_loop.clear()  # the other loops have ended
        _by_loop[loop] = LongWork()
    with _by_loop[loop].of(current_tenant()) as pause:
        yield pause
