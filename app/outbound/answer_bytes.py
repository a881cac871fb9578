"""Follows the answers on one connection: writes them as RFC 9112 wants them, and knows their end.

The HTTP library refuses an answer for one line that breaks the grammar, after the request has had
its effect. Browsers and common clients read these answers, so the head is written anew from what
can be read in it, and so are the sizes of chunks. What contradicts itself is left as it is, and
the library refuses it.

Whatever follows the end of an answer is no part of it: some servers send a body where none may be.
It is dropped, and the connection is not used again. The library would take it for the beginning of
the next answer.
"""

import re
from collections.abc import Callable
from enum import Enum

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})(?:[ \t].*)?", re.DOTALL)
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FOLDED = re.compile(rb"\r?\n[ \t]+")
_NO_TEXT = bytes.maketrans(b"\0\r\v\f", b"    ")
_LENGTH = re.compile(rb"[0-9]{1,19}")
_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r?\n")
_BREAK = re.compile(rb"\r?\n")

_MOST_HEAD_BYTES = 256 * 1024
_MOST_LINE_BYTES = 64 * 1024
_MOST_BEFORE_HEAD = 16
"""How many bytes that an earlier answer has left may stand before a status line."""

_SWITCHING, _FINAL, _NO_CONTENT, _NOT_MODIFIED = 101, 200, 204, 304
_MULTIPLE = 300


class _Place(Enum):
    """Where the next byte is."""

    BETWEEN = "between answers"
    HEAD = "in a head"
    BODY = "in a body of known length"
    SIZE = "in the size of a chunk"
    CHUNK = "in a chunk"
    CHUNK_END = "after a chunk"
    TRAILER = "after the last chunk"
    UNKNOWN = "in something that goes on as it is"


class AnswerBytes:
    """The answers on one connection, which has one request at a time."""

    def __init__(self) -> None:
        self._place = _Place.BETWEEN
        self._method = b""
        self._held = bytearray()
        self._searched = 0
        self._left = 0
        self._has_more = False
        self._reads: dict[_Place, Callable[[bytearray], bool]] = {
            _Place.BETWEEN: self._drop,
            _Place.HEAD: self._read_head,
            _Place.BODY: self._read_body,
            _Place.SIZE: self._read_size,
            _Place.CHUNK: self._read_body,
            _Place.CHUNK_END: self._read_chunk_end,
            _Place.TRAILER: self._read_trailer,
            _Place.UNKNOWN: self._pass_on,
        }

    @property
    def is_reusable(self) -> bool:
        """Whether another request may be sent on the connection."""
        return self._place is _Place.BETWEEN and not self._has_more

    def asked(self, sent: bytes) -> None:
        """Expect an answer, if these bytes begin a request."""
        if self._place is _Place.BETWEEN:
            self._place = _Place.HEAD
            self._searched = 0
            self._method = sent[:16].partition(b" ")[0].upper()

    def take(self, chunk: bytes) -> bytes:
        """Return what the next bytes give; nothing while a head or a size is incomplete."""
        out = bytearray()
        self._held += chunk
        while self._held and self._reads[self._place](out):
            pass
        return bytes(out)

    def _drop(self, out: bytearray) -> bool:
        self._has_more = True
        self._held.clear()
        return False

    def _pass_on(self, out: bytearray) -> bool:
        self._place = _Place.UNKNOWN
        out += self._held
        self._held.clear()
        return False

    def _taken(self, size: int) -> bytes:
        taken = bytes(self._held[:size])
        del self._held[:size]
        self._searched = 0
        return taken

    def _read_head(self, out: bytearray) -> bool:
        while self._held.startswith((b"\r", b"\n")):
            del self._held[:1]
        begin = self._held.find(b"HTTP/", 0, _MOST_BEFORE_HEAD + 5)
        if begin > 0:
            self._taken(begin)
        elif begin < 0:
            is_other = len(self._held) > _MOST_BEFORE_HEAD + len(b"HTTP/")
            return self._pass_on(out) if is_other else False
        found = _END_OF_HEAD.search(self._held, max(0, self._searched - 3))
        self._searched = len(self._held)
        if found is None:
            return self._pass_on(out) if self._searched > _MOST_HEAD_BYTES else False
        raw = self._taken(found.end())
        head = _Head(raw)
        if not head.is_readable:
            self._held[:0] = raw
            return self._pass_on(out)
        out += head.written()
        self._place = self._after(head)
        self._left = head.length or 0
        if self._place is _Place.BODY and not self._left:
            self._place = _Place.BETWEEN
        return True

    def _after(self, head: "_Head") -> _Place:
        """Return what follows a head (RFC 9112, section 6.3)."""
        tunnels = self._method == b"CONNECT" and _FINAL <= head.status < _MULTIPLE
        if head.status == _SWITCHING or tunnels:
            return _Place.UNKNOWN
        if head.status < _FINAL:
            return _Place.HEAD
        if self._method == b"HEAD" or head.status in (_NO_CONTENT, _NOT_MODIFIED):
            return _Place.BETWEEN
        if head.is_chunked:
            return _Place.SIZE
        return _Place.UNKNOWN if head.length is None else _Place.BODY

    def _read_body(self, out: bytearray) -> bool:
        piece = self._taken(min(self._left, len(self._held)))
        out += piece
        self._left -= len(piece)
        if not self._left:
            self._place = _Place.CHUNK_END if self._place is _Place.CHUNK else _Place.BETWEEN
        return True

    def _read_size(self, out: bytearray) -> bool:
        end = self._held.find(b"\n", self._searched)
        self._searched = len(self._held)
        if end < 0:
            return self._pass_on(out) if self._searched > _MOST_LINE_BYTES else False
        found = _SIZE.match(self._held)
        if found is None:
            return self._pass_on(out)
        self._left = int(found[1], 16)
        self._taken(found.end())
        if self._left:
            out += b"%x\r\n" % self._left
        else:
            out += b"0\r\n\r\n"
        self._place = _Place.CHUNK if self._left else _Place.TRAILER
        return True

    def _read_chunk_end(self, out: bytearray) -> bool:
        if self._held == b"\r":
            return False
        found = _BREAK.match(self._held)
        if found is None:
            return self._pass_on(out)
        self._taken(found.end())
        out += b"\r\n"
        self._place = _Place.SIZE
        return True

    def _read_trailer(self, out: bytearray) -> bool:
        """Skip the fields after the last chunk, which nobody reads."""
        end = self._held.find(b"\n", self._searched)
        self._searched = len(self._held)
        if end < 0:
            if len(self._held) > _MOST_LINE_BYTES:
                self._place = _Place.BETWEEN
                return True
            return False
        if not self._taken(end + 1).strip():
            self._place = _Place.BETWEEN
        return True


class _Head:
    """The status line and the fields of an answer."""

    def __init__(self, raw: bytes) -> None:
        lines = _BREAK.split(_FOLDED.sub(b" ", raw))
        self._status_line = lines[0].rstrip()
        found = _STATUS_LINE.fullmatch(self._status_line)
        self.status = int(found[1]) if found else 0
        self._fields = [field for line in lines[1:] if (field := _field(line)) is not None]
        self._codings = [
            coding
            for value in self._values(b"transfer-encoding")
            for coding in _listed(value.lower())
            if coding != b"identity"
        ]
        self._lengths = {
            length for value in self._values(b"content-length") for length in _listed(value)
        }

    @property
    def is_readable(self) -> bool:
        """Whether it says clearly where the answer ends."""
        are_numbers = all(map(_LENGTH.fullmatch, self._lengths))
        return self.status > 0 and (
            bool(self._codings) or (are_numbers and len(self._lengths) <= 1)
        )

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return self._codings[-1:] == [b"chunked"]

    @property
    def length(self) -> int | None:
        """How long the body is; None if only its end tells."""
        if self._codings or not self._lengths:
            return None
        return int(next(iter(self._lengths)))

    def written(self) -> bytes:
        """Return the head as RFC 9112 wants it; compression of the transfer counts as content's."""
        packed = [coding for coding in self._codings if coding != b"chunked"]
        fields = [field for field in self._fields if field[0].lower() not in _FRAMING]
        fields += [(b"Content-Encoding", coding) for coding in packed]
        if self.is_chunked:
            fields.append((b"Transfer-Encoding", b"chunked"))
        elif self.length is not None:
            fields.append((b"Content-Length", b"%d" % self.length))
        lines = [self._status_line, *(b"%b: %b" % field for field in fields)]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def _values(self, name: bytes) -> list[bytes]:
        return [value for given, value in self._fields if given.lower() == name]


_FRAMING = (b"transfer-encoding", b"content-length")


def _field(line: bytes) -> tuple[bytes, bytes] | None:
    """Return the name and value in a line, None if it has no usable name."""
    name, colon, value = line.partition(b":")
    if not colon or _NAME.fullmatch(name.strip()) is None:
        return None
    return name.strip(), value.translate(_NO_TEXT).strip()


def _listed(value: bytes) -> list[bytes]:
    return [item.strip() for item in value.split(b",") if item.strip()]
