"""The process that reads documents, as the server sees it: started, fed, bounded, ended."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Mapping

from engine import JsonObject
from steps.contract import StepBroke

_CPU_S = 30
_WALL_S = 60.0
_MOST_OUTPUT_BYTES = 64 * 1024 * 1024
_AT_ONCE = 2
_CHUNK = 65_536


class ExtractionProcess:
    """Reads documents, two at a time; each in a process that ends with it.

    Attributes:
        cpu_s: Seconds that a processor may work on one document.
        wall_s: Seconds that one document may take, however little is done.
    """

    def __init__(self, *, cpu_s: int = _CPU_S, wall_s: float = _WALL_S) -> None:
        self.cpu_s = cpu_s
        self.wall_s = wall_s
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def read(self, content: bytes, wanted: Mapping[str, str | int]) -> JsonObject:
        """Return what the document holds. Raises `StepBroke`."""
        async with self._room:
            try:
                async with asyncio.timeout(self.wall_s):
                    told = json.dumps({**wanted, "cpuSeconds": self.cpu_s})
                    output, code = await _run(content, told)
            except TimeoutError as late:
                raise _too_slow() from late
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            raise _too_slow()
        try:
            answer = json.loads(output)
        except ValueError as broken:
            message = "the document ended the process that read it"
            raise StepBroke("DocumentUnreadable", message, retryable=False) from broken
        if failure := answer.get("failure"):
            raise StepBroke(failure["type"], failure["message"], retryable=False)
        document: JsonObject = answer["document"]
        return document


async def _run(content: bytes, wanted: str) -> tuple[bytes, int]:
    # No variable of the server's environment goes along: secrets may be among them.
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-m", "app.tools.extraction", wanted,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd="/",
        env={"LANG": "C.UTF-8"},
    )  # fmt: skip
    feeding = asyncio.create_task(_feed(process.stdin, content))
    try:
        output = await _answer(process.stdout)
        return output, await process.wait()
    finally:
        feeding.cancel()
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


async def _answer(stdout: asyncio.StreamReader | None) -> bytes:
    output = bytearray()
    while stdout is not None and (chunk := await stdout.read(_CHUNK)):
        output += chunk
        if len(output) > _MOST_OUTPUT_BYTES:
            break
    return bytes(output)


def _too_slow() -> StepBroke:
    message = "reading the document took longer than a document may take"
    return StepBroke("DocumentTimeout", message, retryable=False)
