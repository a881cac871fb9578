"""RTF as Outlook packs it: MS-OXRTFCP, a window of 4,096 bytes with a known beginning."""

import struct

from app.tools.extraction.document import Document, DocumentFailure, damaged

_BEGINNING = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript "
    rb"\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
_WINDOW = 4_096
_PACKED, _PLAIN = b"LZFu", b"MELA"
_HEAD = 16
_SHORTEST = 2
_MOST_BYTES = 50 * 1024 * 1024


def include(content: bytes, document: Document) -> None:
    """Read the body of a message that is packed; what cannot be read is left out by name."""
    try:
        document.include(unpacked(content), "text/rtf", "the body of the message")
    except DocumentFailure as failure:
        document.leave_out(f"the body of the message: {failure}")


def unpacked(content: bytes) -> bytes:
    """Return the RTF. Raises `DocumentFailure`."""
    if len(content) < _HEAD:
        raise damaged("its body ends before it begins")
    size, kind = struct.unpack_from("<4xI4s", content)
    if kind == _PLAIN:
        return content[_HEAD : _HEAD + size]
    if kind != _PACKED or size > _MOST_BYTES:
        raise damaged("its body is packed in an unknown way")
    return bytes(_Window().filled(content[_HEAD:], size))


class _Window:
    """What was unpacked last, to which references point; a reference may reach into itself."""

    def __init__(self) -> None:
        self._bytes = bytearray(_BEGINNING.ljust(_WINDOW, b"\0"))
        self._next = len(_BEGINNING)
        self._out = bytearray()

    def filled(self, packed: bytes, size: int) -> bytearray:
        """Return what is unpacked, at most `size` bytes."""
        at = 0
        while at < len(packed) and len(self._out) < size:
            flags, at = packed[at], at + 1
            for bit in range(8):
                if flags >> bit & 1:
                    reference, at = int.from_bytes(packed[at : at + 2]), at + 2
                    if at > len(packed) or reference >> 4 == self._next:
                        return self._out[:size]
                    self._copy(reference >> 4, (reference & 15) + _SHORTEST)
                elif at < len(packed):
                    self._put(packed[at])
                    at += 1
        return self._out[:size]

    def _copy(self, place: int, length: int) -> None:
        for step in range(length):
            self._put(self._bytes[(place + step) % _WINDOW])

    def _put(self, byte: int) -> None:
        self._bytes[self._next] = byte
        self._next = (self._next + 1) % _WINDOW
        self._out.append(byte)
