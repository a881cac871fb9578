"""Bodies from others, decompressed within a bound.

A few kilobytes can say that they are gigabytes, and a body may be packed several times over;
so it is unpacked once, a bounded piece at a time, and counted before it is kept.
"""

import zlib

_AUTOMATIC = 47  # zlib's word for gzip or zlib, whichever it is
_RAW = -15
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})


class TooLong(Exception):
    """The decoded body is longer than allowed; `limit` is in bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"it is longer than {limit} bytes")


class NotDecodable(Exception):
    """The body is not what its Content-Encoding says, or is packed more than once."""


class BoundedDecoder:
    """Decodes one body, `limit` bytes of it at most; an unknown encoding stays as it is."""

    def __init__(self, content_encoding: str, limit: int) -> None:
        """Take the header's value. Raises `NotDecodable` for a body packed more than once."""
        names = [name.strip().lower() for name in content_encoding.split(",")]
        known = [name for name in names if name and name != "identity"]
        if len(known) > 1:
            raise NotDecodable("it is compressed more than once")
        self._left = self._limit = limit
        self._zlib = zlib.decompressobj(_AUTOMATIC) if _PACKED.intersection(known) else None
        self._has_begun = False

    def decode(self, chunk: bytes) -> bytes:
        """Return the next piece. Raises `TooLong` or `NotDecodable`."""
        piece = chunk if self._zlib is None else self._unpacked(chunk)
        self._left -= len(piece)
        if self._left < 0:
            raise TooLong(self._limit)
        return piece

    def _unpacked(self, chunk: bytes) -> bytes:
        assert self._zlib is not None  # noqa: S101 - by the caller
        try:
            try:
                piece = self._zlib.decompress(chunk, self._left + 1)
            except zlib.error:
                if self._has_begun:
                    raise
                # Some servers say deflate and leave out the header that belongs to it.
                self._zlib = zlib.decompressobj(_RAW)
                piece = self._zlib.decompress(chunk, self._left + 1)
        except zlib.error as wrong:
            raise NotDecodable(f"it is not compressed as it says: {wrong}") from wrong
        self._has_begun = True
        return piece
