"""Decompresses bodies from other servers, with a limit on their size.

A few kilobytes can unpack to gigabytes, and a body may be compressed several times over. So it is
unpacked twice at most, in pieces of limited size, and counted at each layer before it is kept. A
body that is cut short is refused.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import Any

OFFERED = "gzip, deflate"
"""The `Accept-Encoding` header of requests."""

_GZIP, _ZLIB, _RAW = 31, 15, -15
_GZIP_MARK = b"\x1f\x8b"
_SLICE = 4_096
"""Bytes that are unpacked at once: whatever follows the end of a member is copied."""

_PIECE = 1_000_000
"""Bytes of unpacked output per piece."""

_MOST_LAYERS = 2
_MOST_MEMBERS = 10_000
_PACKED_MORE = 65_536
"""How many bytes longer than the limit for unpacked bytes the compressed body may be."""

_KNOWN = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}
_NOT_PACKED = frozenset(
    {
        "",
        "aws-chunked",
        "identity",
        "none",
        "binary",
        "7bit",
        "8bit",
        "utf-8",
        "utf8",
        "iso-8859-1",
    }
)
"""Values that mean "not compressed": none, and words that some senders write by mistake."""


class TooLong(Exception):
    """The decoded body is longer than allowed; `limit` is in bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"it is longer than {limit} bytes")


class NotDecodable(Exception):
    """The body does not match its Content-Encoding, or uses one that is not supported."""


class BoundedDecoder:
    """Decodes one body of at most `limit` bytes."""

    def __init__(self, content_encoding: str, limit: int) -> None:
        """Take the header's value. Raises `NotDecodable` for an encoding that is not supported."""
        names = [name.strip().lower() for name in content_encoding.split(",")]
        packed = [name for name in names if name not in _NOT_PACKED]
        if len(packed) > _MOST_LAYERS:
            raise NotDecodable(f"it is compressed more than {_MOST_LAYERS} times over")
        for name in packed:
            if name not in _KNOWN:
                shown = name[:40].encode("ascii", "replace").decode()
                raise NotDecodable(f"it is compressed with {shown}, which was not offered")
        self._left = self._limit = limit
        self._packed_left = limit + _PACKED_MORE
        self._unpacker = _Unpacker(_KNOWN[packed[-1]]) if packed else None
        self._inner: BoundedDecoder | None = None
        if len(packed) > 1:
            self._inner = BoundedDecoder(packed[0], limit)
            self._left = self._limit = limit + _PACKED_MORE

    def decode(self, chunk: bytes) -> bytes:
        """Return the next part of the body. Raises `TooLong` or `NotDecodable`."""
        return b"".join(self.pieces(chunk))

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """Return the next part of the body in small pieces. Raises `TooLong` or `NotDecodable`."""
        if self._unpacker is None:
            self._count(len(chunk))
            yield chunk
            return
        self._packed_left -= len(chunk)
        if self._packed_left < 0:  # otherwise empty members could continue for ever
            raise TooLong(self._limit)
        for piece in self._unpacker.pieces(chunk, lambda: min(self._left + 1, _PIECE)):
            self._count(len(piece))
            if self._inner is None:
                yield piece
            else:
                yield from self._inner.pieces(piece)

    def finish(self) -> None:
        """Check that the body is complete. Raises `NotDecodable` if it is cut short."""
        if self._unpacker is not None and not self._unpacker.may_end:
            raise NotDecodable("it is broken off before its compressed content ends")
        if self._inner is not None:
            self._inner.finish()

    def _count(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise TooLong(self._limit)


class _Unpacker:
    """Unpacks one stream of gzip members, of zlib, or of bare deflate."""

    def __init__(self, named: int) -> None:
        self._named = named
        self._stream: Any = None
        self._head = b""
        self._members = 0

    @property
    def may_end(self) -> bool:
        """Whether the body may end here; the answer to a HEAD request has no body at all."""
        return self._stream is None and not self._head

    def pieces(self, chunk: bytes, most: Callable[[], int]) -> Iterator[bytes]:
        """Return the unpacked data of a chunk, in pieces of at most `most()` bytes."""
        for start in range(0, len(chunk), _SLICE):
            rest = self._head + chunk[start : start + _SLICE]
            self._head = b""
            while rest:
                if self._stream is None and not (rest := self._begun(rest)):
                    break
                piece, rest = self._unpacked(rest, most())
                yield piece

    def _begun(self, data: bytes) -> bytes:
        """Begin a stream and return the data to unpack; nothing while its kind is not known."""
        if self._members:
            data = data.lstrip(b"\0")  # `gzip` pads with zeros what it writes to tapes
        if len(data) < len(_GZIP_MARK):
            self._head = data
            return b""
        is_zlib = data[0] & 15 == zlib.DEFLATED and int.from_bytes(data[:2]) % 31 == 0  # RFC 1950
        if data.startswith(_GZIP_MARK):
            kind = _GZIP
        elif self._members:
            raise NotDecodable("something follows its compressed content")
        elif is_zlib:
            kind = _ZLIB
        elif self._named == _ZLIB:
            kind = _RAW  # some servers say deflate and leave out the zlib header
        else:
            raise NotDecodable("it is not compressed as it says")
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise NotDecodable(f"it has more than {_MOST_MEMBERS} compressed members")
        self._stream = zlib.decompressobj(kind)
        return data

    def _unpacked(self, data: bytes, most: int) -> tuple[bytes, bytes]:
        try:
            piece: bytes = self._stream.decompress(data, most)
        except zlib.error as wrong:
            raise NotDecodable(f"it is not compressed as it says: {wrong}") from wrong
        if not self._stream.eof:
            return piece, self._stream.unconsumed_tail
        rest: bytes = self._stream.unused_data
        self._stream = None
        return piece, rest
