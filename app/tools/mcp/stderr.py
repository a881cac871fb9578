"""The standard error of a server process, line by line into the log."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TextIO

from app.secrets.mask import Mask
from app.telemetry import log

_LONGEST_LINE = 2_000


class _Lines(asyncio.Protocol):
    """Logs each line, cut where it is too long, and calls `ended` when the writers are gone."""

    def __init__(self, server: str, ended: Callable[[], None], mask: Mask) -> None:
        self._server = server
        self._ended = ended
        self._mask = mask
        self._rest = b""
        self._is_cut = False

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._say(line)
        if len(self._rest) > _LONGEST_LINE:
            self._say(self._rest)
            self._rest, self._is_cut = b"", True

    def eof_received(self) -> None:
        self._say(self._rest)
        self._rest = b""
        self._ended()

    def _say(self, line: bytes) -> None:
        text = line[:_LONGEST_LINE].decode("utf-8", "replace").rstrip()
        if text and not self._is_cut:
            log.mcp_said(self._server, self._mask.text(text))
        self._is_cut = False


@asynccontextmanager
async def logged(server: str, ended: Callable[[], None], mask: Mask) -> AsyncIterator[TextIO]:
    """Return the file that a process writes to; close it here once the process has it.

    `mask` hides the secrets that the process was given. `ended` is called when no process holds the
    file any more, which is how a dead one is noticed while nobody asks it anything.
    """
    reading, writing = os.pipe()
    loop = asyncio.get_running_loop()
    with os.fdopen(writing, "w", encoding="utf-8") as given:
        transport, _ = await loop.connect_read_pipe(
            lambda: _Lines(server, ended, mask), os.fdopen(reading, "rb", buffering=0)
        )
        try:
            yield given
        finally:
            transport.close()
