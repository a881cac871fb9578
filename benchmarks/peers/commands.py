"""How the benchmark talks to a library: lines of JSON to a process that has it in it.

The callers are coroutines of that process, so a library is measured without any HTTP.
"""

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, Protocol

from benchmarks.closed_loop import Call, closed_loop


class Library(Protocol):
    """What a peer can do."""

    async def run(self) -> None:
        """Start a run of five steps and wait for its result."""

    async def start_gated(self, count: int) -> None:
        """Start runs whose third step waits at the gate, and do not wait for them."""

    async def unfinished(self) -> int:
        """Say how many gated runs are not over; begin to carry them on where that is asked."""


async def serve(library: Library) -> None:
    """Answer commands until the input ends."""
    say({"ready": True})
    async for command in _commands():
        match command:
            case {"do": "load", "callers": callers, "seconds": seconds, "most": most}:
                say(asdict(await closed_loop(_connect(library), callers, seconds, most)))
            case {"do": "gated", "count": count}:
                await library.start_gated(count)
                say({})
            case {"do": "unfinished"}:
                say({"unfinished": await library.unfinished()})


def say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


def _connect(library: Library) -> Callable[[], Any]:
    @asynccontextmanager
    async def connect() -> AsyncIterator[Call]:
        yield library.run

    return connect


async def _commands() -> AsyncIterator[dict[str, Any]]:
    """Return the lines of standard input, read by a thread so that no loop is held up."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, "")

    threading.Thread(target=read, daemon=True).start()
    while line := await lines.get():
        yield json.loads(line)
