"""Reads the status of an answer from the connection, before the header is complete.

An HTTP library reports the status only after it has read the whole header. A caller that needs only
the status gets it here even if the header breaks off, never ends or is not valid.
"""

import re
import ssl
from contextvars import ContextVar
from typing import Any

from httpcore2 import AsyncNetworkStream, ReadError, WriteError

from app.outbound.answer_bytes import AnswerBytes
from app.outbound.fence import pass_fence

_LINE = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})(?=[ \r\n])")
_SWITCHING = 101
_FINAL = 200
_LONGEST = 65_536
_LONGEST_SHOWN = 60


class Heard:
    """The part of an answer that has come, up to its status.

    Attributes:
        place: The host that was asked, for messages.
    """

    def __init__(self, place: str = "") -> None:
        self._bytes = bytearray()
        self.status: int | None = None
        self.place = place

    def take(self, chunk: bytes) -> None:
        """Read the next bytes; interim answers (1xx) are skipped."""
        if self.status is not None or len(self._bytes) > _LONGEST:
            return
        self._bytes += chunk
        if self._bytes.startswith((b"\r", b"\n")):  # left behind by an answer before this one
            self._bytes = self._bytes.lstrip(b"\r\n")
        while (line := _LINE.match(self._bytes)) and self.status is None:
            status = int(line[1])
            if status >= _FINAL or status == _SWITCHING:
                self.status = status
            _, blank, rest = self._bytes.partition(b"\r\n\r\n")
            if not blank:
                return
            self._bytes = rest

    @property
    def other(self) -> str:
        """The beginning of something that came and is no answer of HTTP, "" without it."""
        begun = bytes(self._bytes[:_LONGEST_SHOWN]).partition(b"\n")[0].strip()
        may_be_one = begun.startswith(b"HTTP/") or b"HTTP/".startswith(begun)
        is_other = self.status is None and not may_be_one
        return begun.decode("ascii", "replace") if is_other else ""

    def forget(self) -> None:
        """Start again: a redirect came, or a proxy's reply that its tunnel is open."""
        self._bytes.clear()
        self.status = None


heard: ContextVar[Heard | None] = ContextVar("heard", default=None)
"""Receives the answer to the request that the current task sends."""


class Used:
    """The connection that a request uses.

    Attributes:
        is_new: Whether it was opened for this request.
        has_answered: Whether anything has come over it since the request was sent.
    """

    def __init__(self) -> None:
        self.is_new = self.has_answered = False


used: ContextVar[Used | None] = ContextVar("used", default=None)
"""Receives what becomes of the connection for the request that the current task sends."""


class HeardStream(AsyncNetworkStream):
    """A connection that passes what it reads to `heard`, and checks the fence before a write.

    It gives the HTTP library answers that it can read, each to its end.
    """

    def __init__(self, inner: AsyncNetworkStream) -> None:
        self._inner = inner
        self._answers = AnswerBytes()

    async def read(  # noqa: D102 - httpcore2's interface
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore2's interface
    ) -> bytes:
        while chunk := await self._read(max_bytes, timeout):
            if ready := self._answers.take(chunk):
                return ready
        return b""

    async def _read(self, max_bytes: int, timeout: float | None) -> bytes:  # noqa: ASYNC109 - as above
        try:
            chunk = await self._inner.read(max_bytes, timeout)
        except ssl.SSLError as broken:  # such as a refused client certificate; httpcore2 passes it
            raise ReadError(str(broken)) from broken
        if (hearing := heard.get()) is not None:
            hearing.take(chunk)
        if chunk and (connection := used.get()) is not None:
            connection.has_answered = True
        return chunk

    async def write(  # noqa: D102 - httpcore2's interface
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore2's interface
    ) -> None:
        pass_fence()
        self._answers.asked(buffer)
        try:
            await self._inner.write(buffer, timeout)
        except ssl.SSLError as broken:
            raise WriteError(str(broken)) from broken

    async def aclose(self) -> None:  # noqa: D102 - httpcore2's interface
        await self._inner.aclose()

    async def start_tls(  # noqa: D102 - httpcore2's interface
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore2's interface
    ) -> AsyncNetworkStream:
        if (hearing := heard.get()) is not None:
            hearing.forget()
        return HeardStream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:  # noqa: D102 - httpcore2's interface
        # The pool asks this of an idle connection, and closes it if there is something to read.
        if info == "is_readable" and not self._answers.is_reusable:
            return True
        return self._inner.get_extra_info(info)
