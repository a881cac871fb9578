"""Cutting off clients that keep a connection busy and do not go on with it.

uvicorn bounds idle connections between requests. It bounds neither a client that does not
take its answer, whose bytes then stay in memory for ever, nor one that never ends its
headers. Bodies that do not arrive are bounded where they are read.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from app import log
from app.figures import Figures


@dataclass(frozen=True, slots=True)
class _Standing:
    """What a connection was seen to wait with, and since when."""

    what: tuple[str, object]
    since_s: float


class Connections:
    """Looks at all connections of the server from time to time."""

    def __init__(
        self, open_ones: Callable[[], Collection[Any]], timeout_s: float, figures: Figures
    ) -> None:
        self._open_ones = open_ones
        self._timeout_s = timeout_s
        self._figures = figures
        self._seen: dict[Any, _Standing] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(1.0, self._timeout_s / 4))
            self._look(loop.time())

    def _look(self, now_s: float) -> None:
        seen: dict[Any, _Standing] = {}
        for protocol in tuple(self._open_ones()):
            what = _stands_with(protocol)
            if what is None:
                continue
            before = self._seen.get(protocol)
            if before is None or before.what != what:
                before = _Standing(what, now_s)
            if now_s - before.since_s >= self._timeout_s:
                self._figures.cut_off += 1
                log.client_cut_off(what[0])
                protocol.transport.abort()
            else:
                seen[protocol] = before
        self._seen = seen


def _stands_with(protocol: Any) -> tuple[str, object] | None:
    """Say what a connection waits for from its client; None when it waits for nothing.

    While an answer is taken the number of bytes left changes; while headers come there is no
    answer of a new request yet.
    """
    transport, cycle = protocol.transport, protocol.cycle
    if left := transport.get_write_buffer_size():
        return "does not take its answer", left
    if cycle is None or (cycle.response_complete and protocol.timeout_keep_alive_task is None):
        return "does not end its headers", id(cycle)
    return None
