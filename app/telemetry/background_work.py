"""Keeps work in the background going: if it ends by a fault, it is logged and begun again."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from app.telemetry import log

PAUSE_S = 1.0
"""How many seconds after a fault the work is begun again."""


async def kept_up(work: Callable[[], Awaitable[None]], pause_s: float = PAUSE_S) -> None:
    """Do work that is to go on as long as the server; return when it returns.

    Nobody waits for such a task, so a fault in it would go unseen until the server stops.
    """
    while True:
        try:
            return await work()
        except Exception as fault:  # noqa: BLE001 - whatever it is, the work has to go on
            log.background_failed(_name_of(work), fault)
        await asyncio.sleep(pause_s)


def _name_of(work: Callable[[], Awaitable[None]]) -> str:
    called = work.func if isinstance(work, partial) else work
    return str(getattr(called, "__qualname__", called))
