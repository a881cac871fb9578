"""S/MIME: what is in a message that is signed or compressed as a whole (RFC 5652, RFC 3274).

Signatures are not checked.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from app.tools.extraction.document import damaged

_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_COMPRESSED_DATA = bytes.fromhex("060b2a864886f70d0109100109")
_HEAD_BYTES = 32
_MOST_BYTES = 50 * 1024 * 1024
_OCTETS, _SEQUENCE, _TAGGED = 0x04, 0x10, 0x00
_CONSTRUCTED, _NUMBER = 0x20, 0x1F
_LONG_LENGTH, _MOST_LENGTH_BYTES = 0x80, 4
_DEEPEST = 30


@dataclass(frozen=True, slots=True)
class _Value:
    """A value in BER: where what it holds begins and ends, and where the next one begins."""

    tag: int
    begin: int
    end: int
    after: int

    @property
    def number(self) -> int:
        return self.tag & _NUMBER

    @property
    def has_values(self) -> bool:
        return bool(self.tag & _CONSTRUCTED)


def holds_message(content: bytes) -> bool:
    """Return whether a message is signed or compressed, and not encrypted."""
    head = content[:_HEAD_BYTES]
    return _SIGNED_DATA in head or _COMPRESSED_DATA in head


def enclosed(content: bytes) -> bytes:
    """Return the bytes of the message inside, b"" without one. Raises `DocumentFailure`."""
    try:
        held = _held(content)
        if _COMPRESSED_DATA in content[:_HEAD_BYTES]:
            return zlib.decompressobj().decompress(held, _MOST_BYTES)
    except (IndexError, zlib.error) as broken:
        raise damaged("what it encloses ends early") from broken
    return held


def _held(content: bytes) -> bytes:
    outer = _inside(content, _value(content, 0), _TAGGED)
    sealed = outer and _inside(content, outer, _SEQUENCE)
    for part in _values(content, sealed) if sealed else ():
        wrapped = _inside(content, part, _TAGGED) if part.number == _SEQUENCE else None
        octets = wrapped and _inside(content, wrapped, _OCTETS)
        if octets:
            return b"".join(_octets(content, octets))
    return b""


def _inside(content: bytes, around: _Value, number: int) -> _Value | None:
    """Return the first value of that number within another one."""
    return next((item for item in _values(content, around) if item.number == number), None)


def _octets(content: bytes, value: _Value) -> Iterator[bytes]:
    """Yield the pieces of a string that may consist of strings."""
    if not value.has_values:
        yield content[value.begin : value.end]
        return
    for piece in _values(content, value):
        yield from _octets(content, piece)


def _values(content: bytes, around: _Value) -> Iterator[_Value]:
    at = around.begin
    while at < around.end:
        found = _value(content, at)
        yield found
        at = found.after


def _value(content: bytes, at: int, depth: int = 0) -> _Value:
    """Return the value that begins here. Raises `IndexError` where it is cut off."""
    if depth > _DEEPEST:
        raise damaged("what it encloses is nested too deep")
    tag, length, begin = content[at], content[at + 1], at + 2
    if length == _LONG_LENGTH:
        end = begin
        while content[end : end + 2] != b"\0\0":
            end = _value(content, end, depth + 1).after
        return _Value(tag, begin, end, end + 2)
    if length > _LONG_LENGTH:
        count = min(length - _LONG_LENGTH, _MOST_LENGTH_BYTES)
        length = int.from_bytes(content[begin : begin + count], "big")
        begin += count
    end = begin + length
    if end > len(content):
        raise IndexError(end)
    return _Value(tag, begin, end, end)
