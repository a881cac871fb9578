"""The protocol between the benchmark and a library: lines of JSON to a process that hosts it.

The callers are coroutines of that process, so libraries are measured without HTTP.
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
    """The operations of a peer."""

    async def run(self) -> None:
        """Start a run of five steps and wait for its result."""

    async def start_gated(self, count: int) -> None:
        """Start runs whose third step waits at the gate, and return at once."""

    async def unfinished(self) -> int:
        """Return the number of unfinished gated runs; resume them where the caller must."""


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
    """Return the lines of standard input, read by a thread so that the loop is not blocked."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, "")

    threading.Thread(target=read, daemon=True).start()
    while line := await lines.get():
        yield json.loads(line)
