"""A server process that is spoken to over its standard input and output, a line a message.

The library's own reader copies all that has come of a line with each piece of it, so that one
long answer keeps everybody waiting; and it takes a line of any length. Here a line costs what
its length costs, and of one that is too long only the number of its request is kept.
"""

import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TextIO

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from mcp.client.stdio import StdioServerParameters, get_default_environment
from mcp.shared.message import SessionMessage
from mcp_types import ErrorData, JSONRPCError, jsonrpc_message_adapter
from pydantic import TypeAdapter

from app.concurrency.offload import LONG_BYTES, offload

LONGEST_LINE = 8_000_000
"""Bytes of one message."""

TOO_LONG = -32_098
"""The error code for a message that is longer."""

_GRACE_S = 2.0
_REAP_S = 0.5
_POLL_S = 0.01
_HEAD, _TAIL = 1_000, 200
_ID = rb'"id"\s*:\s*(-?\d{1,18}|"(?:[^"\\]|\\.){1,200}")'
_ID_FIRST = re.compile(rb'\A\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?' + _ID)
_ID_LAST = re.compile(_ID + rb'\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*\Z')


_BATCH: TypeAdapter[list[dict[str, Any]]] = TypeAdapter(list[dict[str, Any]])


class Lines:
    """Parts what comes into lines; of one that is too long the first and last bytes are kept."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._pieces: list[bytes] = []
        self._size = 0
        self._tail = b""

    def take(self, chunk: bytes) -> Iterator[bytes | tuple[bytes, bytes]]:
        """Yield each line that has ended: its bytes, or its beginning and its end."""
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._add(piece)
            yield self._whole()
        self._add(rest)

    def _add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size <= self._longest:
            self._pieces.append(piece)
            return
        if self._pieces:
            self._pieces = [b"".join(self._pieces)[:_HEAD] or piece[:_HEAD]]
        self._tail = (self._tail + piece)[-_TAIL:]

    def _whole(self) -> bytes | tuple[bytes, bytes]:
        line, tail, size = b"".join(self._pieces), self._tail, self._size
        self._pieces, self._tail, self._size = [], b"", 0
        return line if size <= self._longest else (line, tail)


@dataclass(slots=True)
class Ending:
    """How a process ended by itself.

    Attributes:
        is_silent: Whether it has closed its output.
        code: Its exit code, negative for a signal; None as long as it runs or if it was stopped.
    """

    is_silent: bool = False
    code: int | None = None


class ProcessEnded(Exception):
    """A server process ended by itself."""

    def __init__(self, code: int) -> None:
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        super().__init__(
            f"its process ended {how}; what it wrote to its error output is in the log"
        )


@asynccontextmanager
async def reporting(ending: Ending) -> AsyncIterator[None]:
    """Report the end of a process in place of what followed from it.

    Raises `ProcessEnded`, or what else was raised.
    """
    try:
        yield
    except Exception as failed:
        if ending.code is None:
            raise
        raise ProcessEnded(ending.code) from failed


@asynccontextmanager
async def stdio(
    parameters: StdioServerParameters, errors: TextIO, ending: Ending
) -> AsyncIterator[Any]:
    """Start a server and return the streams of its messages; leaving it stops the process.

    If the process ends by itself, that is noted in `ending`.

    Raises:
        OSError: It cannot be started.
        ValueError: Its command or a variable has a NUL.
    """
    process = await anyio.open_process(
        [parameters.command, *parameters.args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=get_default_environment() | (parameters.env or {}),
        cwd=parameters.cwd,
        start_new_session=True,
    )
    assert process.stdin and process.stdout  # noqa: S101, PT018 - asked for above
    came, received = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    given, sending = anyio.create_memory_object_stream[SessionMessage](0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_read, process.stdout, came, ending)
        tasks.start_soon(_write, process.stdin, sending, came)
        try:
            yield received, given
        finally:
            with anyio.CancelScope(shield=True):
                received.close()
                given.close()
                if ending.is_silent:
                    await _until_over(process, _REAP_S)
                    ending.code = process.returncode
                await _stop(process)
            tasks.cancel_scope.cancel()


async def _read(output: ByteReceiveStream, came: Any, ending: Ending) -> None:
    """Pass on what the server sends, until it ends."""
    lines = Lines()
    broken = (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)
    async with came:
        with suppress(anyio.EndOfStream, *broken):
            async for chunk in output:
                for line in lines.take(chunk):
                    for message in await _messages(line):
                        await came.send(message)
            ending.is_silent = True
    with suppress(anyio.EndOfStream, *broken):
        while True:  # so that it can end, though nobody listens any more
            await output.receive()


async def _messages(line: bytes | tuple[bytes, bytes]) -> list[SessionMessage | Exception]:
    if isinstance(line, tuple):
        error = _too_long(*line)
        return [error] if error else []
    if not line.strip():
        return []
    read = partial(messages_of, line)
    return read() if len(line) < LONG_BYTES else await offload(read)


def messages_of(line: bytes) -> list[SessionMessage | Exception]:
    """Return the message of a line, or those of a batch, which earlier revisions allow."""
    text = line.decode("utf-8", "replace").removeprefix("\ufeff")
    try:
        parts = _BATCH.validate_json(text) if text.lstrip().startswith("[") else [text]
    except ValueError as wrong:
        return [wrong]
    return [_one(part) for part in parts]


def _one(part: Any) -> SessionMessage | Exception:
    adapter = jsonrpc_message_adapter
    try:
        if isinstance(part, str):
            return SessionMessage(adapter.validate_json(part, by_name=False))
        return SessionMessage(adapter.validate_python(part, by_name=False))
    except ValueError as wrong:
        return wrong


def _too_long(head: bytes, tail: bytes) -> SessionMessage | None:
    """Return the error for the request whose answer is too long, None where that is not known."""
    found = _ID_FIRST.match(head) or _ID_LAST.search(tail)
    if found is None:
        return None
    number_text = found[1].decode("utf-8", "replace")
    error = ErrorData(code=TOO_LONG, message=f"an answer of more than {LONGEST_LINE:,} bytes")
    number = number_text.strip('"') if number_text.startswith('"') else int(number_text)
    return SessionMessage(JSONRPCError(jsonrpc="2.0", id=number, error=error))


async def _write(stdin: ByteSendStream, sending: Any, came: Any) -> None:
    try:
        async with sending:
            async for item in sending:
                text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                await stdin.send(f"{text}\n".encode())
    except (anyio.ClosedResourceError, anyio.BrokenResourceError, OSError):
        # It may live on all the same: the end of what it says ends the requests.
        await came.aclose()


async def _stop(process: Process) -> None:
    """Let a process end by itself, then make it, and its children with it."""
    assert process.stdin and process.stdout  # noqa: S101, PT018 - as in `stdio`
    broken = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError)
    with suppress(*broken):
        await process.stdin.aclose()
    await _until_over(process)
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, sign)
            await _until_over(process)
    with suppress(*broken):
        await process.stdout.aclose()


async def _until_over(process: Process, within_s: float = _GRACE_S) -> None:
    with anyio.move_on_after(within_s):
        # `wait` would also wait for children that hold its pipes.
        while process.returncode is None:  # noqa: ASYNC110 - nothing tells of it but this
            await anyio.sleep(_POLL_S)
