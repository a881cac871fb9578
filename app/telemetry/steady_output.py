"""Standard output and error of a server, which never fail whoever writes there.

The disk of a log may be full, and the reader of a pipe may have left. A line is not worth a step, a
request or the server: what cannot be written is dropped, and later lines are written again once
there is room.
"""

import contextlib
import io
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Dropping(io.RawIOBase):
    """A file that drops what it cannot write."""

    def __init__(self, inner: io.RawIOBase) -> None:
        self._inner = inner
        self._has_dropped = self._is_within_line = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._inner.fileno()

    def isatty(self) -> bool:
        return self._inner.isatty()

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write what can be written; return the length of the data in any case."""
        whole = bytes(data)
        try:
            if self._has_dropped and self._is_within_line:
                self._write_all(b"\n")
            self._has_dropped = False
            self._write_all(whole)
        except OSError:
            self._has_dropped = True
        return len(whole)

    def _write_all(self, data: bytes) -> None:
        written = 0
        while written < len(data):
            more = self._inner.write(data[written:])
            if not more:
                raise BlockingIOError
            written += more
            self._is_within_line = data[written - 1 : written] != b"\n"


def steady(stream: TextIO) -> TextIO:
    """Return a stream to the same file that never fails; without a file, the stream itself."""
    try:
        file = io.FileIO(stream.fileno(), "w", closefd=False)
    except (OSError, ValueError):
        return stream
    writer = io.BufferedWriter(_Dropping(file))
    return io.TextIOWrapper(writer, stream.encoding, "backslashreplace", line_buffering=True)


def make_steady() -> None:
    """Let nothing that this process prints or logs fail."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    sys.stdout, sys.stderr = steady(sys.stdout), steady(sys.stderr)
