"""Starts, feeds, limits and ends the process that reads a document."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Mapping
from functools import partial

from app.concurrency.fair_queue import FairQueue, Turn
from app.concurrency.offload import LONG_BYTES, offload
from app.tools.extraction import COMMAND
from engine import JsonObject
from steps.contract.step_type import StepBroke

_CPU_S = 30
_WALL_S = 60.0
_MEMORY_BYTES = 1024**3
_MOST_OUTPUT_BYTES = 64 * 1024 * 1024
_MOST_WORDS_BYTES = 64 * 1024
_AT_ONCE, _GREED = 3, 1
"""Three documents are read at once, at most two of one tenant, so that others find a free slot."""
_CHUNK = 65_536
_IS_BUNDLED = bool(getattr(sys, "frozen", False))
_PROGRAM = (
    (sys.executable, COMMAND)
    if _IS_BUNDLED
    else (sys.executable, "-I", "-m", "app.tools.extraction")
)
_OUT_OF_MEMORY = b"memory allocation of"
"""What Rust libraries print before they abort the process."""


class ExtractionProcess:
    """Reads documents, a few at a time; each in a process that ends with it.

    Attributes:
        cpu_s: Processor seconds that one document may take.
        wall_s: Seconds that one document may take in all, even if it uses little processor time.
        memory_bytes: Address space that reading one document may use.
    """

    def __init__(
        self,
        *,
        cpu_s: int = _CPU_S,
        wall_s: float = _WALL_S,
        memory_bytes: int = _MEMORY_BYTES,
    ) -> None:
        self.cpu_s = cpu_s
        self.wall_s = wall_s
        self.memory_bytes = memory_bytes
        self._places = FairQueue(_AT_ONCE, _GREED)

    def turn(self, tenant: str) -> Turn:
        """Return a slot for reading, to be used with `async with`; tenants take turns."""
        return self._places.turn(tenant)

    async def read(self, content: bytes, wanted: Mapping[str, str | int]) -> JsonObject:
        """Return the contents of the document. Raises `StepBroke`."""
        try:
            async with asyncio.timeout(self.wall_s):
                bounds = {"cpuSeconds": self.cpu_s, "memoryBytes": self.memory_bytes}
                request = json.dumps({**wanted, **bounds})
                output, words, code = await _run(content, request)
        except TimeoutError as late:
            raise _too_slow() from late
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            raise _too_slow()
        if code != 0 and _OUT_OF_MEMORY in words:
            raise _too_large()
        try:
            read = partial(json.loads, output)
            answer = await offload(read) if len(output) > LONG_BYTES else read()
        except ValueError as broken:
            message = "the document crashed the process that read it"
            raise StepBroke("DocumentUnreadable", message, retryable=False) from broken
        if failure := answer.get("failure"):
            raise StepBroke(failure["type"], failure["message"], retryable=False)
        document: JsonObject = answer["document"]
        return document


async def _run(content: bytes, wanted: str) -> tuple[bytes, bytes, int]:
    """Return the output of the process, its error output, and its exit status."""
    # The server's environment is not passed on, since it may contain secrets.
    process = await asyncio.create_subprocess_exec(
        *_PROGRAM, wanted,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd="/",
        env={"LANG": "C.UTF-8"},
    )  # fmt: skip
    feeding = asyncio.create_task(_feed(process.stdin, content))
    listening = asyncio.create_task(_all_of(process.stderr, _MOST_WORDS_BYTES))
    try:
        output = await _all_of(process.stdout, _MOST_OUTPUT_BYTES)
        return output, await listening, await process.wait()
    finally:
        feeding.cancel()
        listening.cancel()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _feed(stdin: asyncio.StreamWriter | None, content: bytes) -> None:
    if stdin is None:
        return
    with contextlib.suppress(ConnectionError):
        stdin.write(content)
        await stdin.drain()
        stdin.close()


async def _all_of(stream: asyncio.StreamReader | None, most_bytes: int) -> bytes:
    """Return the contents of the stream, up to slightly more than `most_bytes`."""
    output = bytearray()
    while stream is not None and (chunk := await stream.read(_CHUNK)):
        output += chunk
        if len(output) > most_bytes:
            break
    return bytes(output)


def _too_slow() -> StepBroke:
    message = "reading the document took longer than allowed"
    return StepBroke("DocumentTimeout", message, retryable=False)


def _too_large() -> StepBroke:
    message = "reading the document takes more memory than allowed"
    return StepBroke("DocumentTooLarge", message, retryable=False)
