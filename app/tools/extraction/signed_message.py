"""S/MIME: what is inside a signed message (RFC 5652). The signature itself is not checked."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.tools.extraction.document import damaged

_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
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


def is_signed(content: bytes) -> bool:
    """Return whether this is a message that is signed, and not one that is encrypted."""
    return _SIGNED_DATA in content[:32]


def enclosed(content: bytes) -> bytes:
    """Return the bytes that are signed, b"" where there are none. Raises `DocumentFailure`."""
    try:
        return _message(content)
    except IndexError as broken:
        raise damaged("its signed message ends early") from broken


def _message(content: bytes) -> bytes:
    outer = _inside(content, _value(content, 0), _TAGGED)
    signed = outer and _inside(content, outer, _SEQUENCE)
    held = signed and _inside(content, signed, _SEQUENCE)
    wrapped = held and _inside(content, held, _TAGGED)
    octets = wrapped and _inside(content, wrapped, _OCTETS)
    return b"".join(_octets(content, octets)) if octets else b""


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
        raise damaged("its signed message is nested too deep")
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
