"""Recognizes the head of a connection's last request, so that a repetition is not parsed again.

Clients that keep a connection repeat themselves: they ask for the same status, or start the same
workflow. Only bytes that equal parsed ones are recognized, so nothing is accepted here that the
parser has not accepted.
"""

from typing import Any, TypeAlias

Scope: TypeAlias = dict[str, Any]

_END = b"\r\n\r\n"
_LONGEST = 16_384
"""Longer requests are always parsed; this limits what a connection keeps."""


class KnownHead:
    """The last request of a connection that arrived in one piece, with nothing after it."""

    __slots__ = ("_data", "_is_plain", "_length", "_scope")

    def __init__(self) -> None:
        self._data = b""
        self._length = 0
        self._scope: Scope = {}
        self._is_plain: bool | None = None

    def note(self, data: bytes, scope: Scope, length: int) -> None:
        """Take a parsed request, its scope as it was at first, and the length of its body."""
        if len(data) <= _LONGEST:
            self._data, self._scope, self._length = data, scope, length
            self._is_plain = None

    def repeated(self, data: bytes) -> tuple[Scope, bytes] | None:
        """Return the scope and the body of a request with the same head; None if it is another."""
        if len(data) != len(self._data):
            return None
        end = len(data) - self._length
        head = data[:end]
        if head != self._data[:end]:
            return None
        if self._is_plain is None:
            self._is_plain = _is_plain(head, data)
        return (self._scope.copy(), data[end:]) if self._is_plain else None


def _is_plain(head: bytes, data: bytes) -> bool:
    """Return whether the first empty line ends the head: nothing stands before or after.

    The parser skips line breaks around a request, so its body need not be the end of the data.
    """
    return data.find(_END) + len(_END) == len(head) and head.count(b"\n") == head.count(b"\r\n")
