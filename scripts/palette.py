"""Reduce pictures of pages to PNG with a palette of at most 256 colours.

Pages have few colours besides the shades at the edges of letters: the most frequent colours are
kept, then those that differ most from all kept ones, and every other colour becomes the nearest
of these.
"""

import struct
import zlib
from collections import Counter

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_COLOURS = 256
_MOST_FREQUENT = 96
_BYTES = {2: 3, 6: 4}
"""Bytes per pixel by the file's colour type."""

Colour = tuple[int, int, int]


def with_palette(png: bytes) -> bytes:
    """Return the picture with a palette; it must have 8 bits per channel and no interlacing."""
    width, height, pixels = _pixels(png)
    kept, number = _palette(Counter(pixels))
    indexes = bytes(number[colour] for colour in pixels)
    rows = b"".join(b"\0" + indexes[y * width : (y + 1) * width] for y in range(height))
    return b"".join((
        _SIGNATURE,
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        _chunk(b"PLTE", bytes(channel for colour in kept for channel in colour)),
        _chunk(b"IDAT", zlib.compress(rows, 9)),
        _chunk(b"IEND", b""),
    ))  # fmt: skip


def _palette(counted: Counter[Colour]) -> tuple[list[Colour], dict[Colour, int]]:
    """Return the kept colours, and for each colour the index of the nearest one."""
    kept = [colour for colour, _ in counted.most_common(_MOST_FREQUENT)]
    number = {colour: index for index, colour in enumerate(kept)}
    nearest: dict[Colour, tuple[int, int]] = {
        colour: min((_apart(colour, one), index) for index, one in enumerate(kept))
        for colour in counted
        if colour not in number
    }
    while nearest and len(kept) < _MOST_COLOURS:
        chosen = max(nearest, key=lambda colour: nearest[colour][0] * counted[colour])
        del nearest[chosen]
        for colour, known in nearest.items():
            nearest[colour] = min(known, (_apart(colour, chosen), len(kept)))
        number[chosen] = len(kept)
        kept.append(chosen)
    return kept, number | {colour: index for colour, (_, index) in nearest.items()}


def _apart(a: Colour, b: Colour) -> int:
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _pixels(png: bytes) -> tuple[int, int, list[Colour]]:
    """Return width, height and the colours row by row."""
    at, packed, head = len(_SIGNATURE), b"", b""
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        head = body if kind == b"IHDR" else head
        packed += body if kind == b"IDAT" else b""
        at += length + 12
    width, height, _, colour_type = struct.unpack(">IIBB", head[:10])
    size = _BYTES[colour_type]
    raw, length = zlib.decompress(packed), width * size
    before, pixels = bytearray(length), list[Colour]()
    for y in range(height):
        begin = y * (length + 1)
        row = bytearray(raw[begin + 1 : begin + 1 + length])
        _unfilter(raw[begin], row, before, size)
        pixels += zip(row[0::size], row[1::size], row[2::size], strict=True)
        before = row
    return width, height, pixels


def _unfilter(kind: int, row: bytearray, above: bytearray, size: int) -> None:
    """Undo the filter of a row in place (PNG specification, section 9)."""
    for i in range(len(row) if kind else 0):
        left = row[i - size] if i >= size else 0
        up, corner = above[i], above[i - size] if i >= size else 0
        guess = (0, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]
        row[i] = (row[i] + guess) & 255


def _paeth(left: int, up: int, corner: int) -> int:
    estimate = left + up - corner
    return min((left, up, corner), key=lambda one: abs(estimate - one))
