"""Parses multipart/form-data: parts with their names, file names and contents."""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from app.wire.parsing.errors import BadRequest
from app.wire.parsing.header_parameters import extended_text, parameters_of
from steps.http.charset import charset_of

if TYPE_CHECKING:  # the library defines this type for type checkers only
    from python_multipart.multipart import MultipartCallbacks

_MOST_PARTS = 1_010
_LONGEST_HEADER = 8_192
_AS_BROWSERS_WRITE = re.compile(r"%(22|0D|0A)", re.IGNORECASE)
_FOLD = re.compile(rb"\r\n[ \t]+")
_UNCHANGED = (b"", b"7bit", b"8bit", b"binary")


@dataclass(slots=True)
class Part:
    """One part of a form.

    Attributes:
        name: The name of the field.
        file_name: The name of its file; None for a part that is not a file.
        charset: The codec named by the part's own content type; None without one.
    """

    name: str
    file_name: str | None
    charset: str | None
    content: bytearray = field(default_factory=bytearray)

    def text(self) -> str:
        """Return the content as text. Raises `ValueError` with the reason if it is not text."""
        codec = self.charset or "utf_8"
        try:
            text = self.content.decode(codec)
            text.encode()  # some charsets can write half of a surrogate pair
        except UnicodeError as wrong:
            charset = "UTF-8" if codec == "utf_8" else f"the charset {codec}"
            raise ValueError(f"is not text in {charset}") from wrong
        return text if self.charset is None else text.removeprefix("\ufeff")


def parse_multipart(content_type: bytes, body: bytes) -> list[Part]:
    """Return the parts of a form. Anything before and after the boundaries is ignored.

    Args:
        content_type: The request's header, which names the boundary.
        body: The whole body.

    Raises:
        BadRequest: The form cannot be read, or its end is missing.
    """
    try:
        boundary = parameters_of(content_type).get("boundary", b"")
        if not boundary:
            raise BadRequest("the form cannot be read: its Content-Type names no boundary")
        reading = _Reading()
        parser = MultipartParser(boundary, reading.callbacks(), max_header_size=_LONGEST_HEADER)
        parser.write(_unfolded(boundary, _from_first_boundary(boundary, body)))
    except (FormParserError, ValueError) as wrong:
        raise BadRequest(f"the form cannot be read: {wrong}") from wrong
    if not reading.is_over:
        raise BadRequest("the form is incomplete: its closing boundary is missing")
    return reading.parts


def _from_first_boundary(boundary: bytes, body: bytes) -> bytes:
    """Return a body from its first boundary on, without spaces that may follow it."""
    line = re.compile(rb"--" + re.escape(boundary) + rb"(?:[ \t]*(?=\r\n)|(?=--))")
    match = line.match(body) or re.compile(rb"\n" + line.pattern).search(body)
    if match is None:
        raise ValueError("its first boundary is missing")
    if body.startswith(b"--", match.end()) and b"--" + boundary in body[: match.start()]:
        raise ValueError("its lines must end with CRLF")
    return b"--" + boundary + body[match.end() :]


def _unfolded(boundary: bytes, body: bytes) -> bytes:
    """Return a body in which each header of a part is one line; MIME lets them be folded."""
    if _FOLD.search(body) is None:
        return body
    heads = re.compile(rb"--" + re.escape(boundary) + rb"[ \t]*\r\n(?:[^\r\n]+\r\n)+(?=\r\n)")

    def unfolded(head: re.Match[bytes]) -> bytes:
        begins_line = head.start() == 0 or body.endswith(b"\r\n", 0, head.start())
        return _FOLD.sub(b" ", head[0]) if begins_line else head[0]

    return heads.sub(unfolded, body)


class _Reading:
    """Collects what the parser finds."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.is_over = False
        self._name = self._value = b""
        self._headers: dict[bytes, bytes] = {}

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.parts) == _MOST_PARTS:
            raise ValueError(f"it has more than {_MOST_PARTS:,} fields")
        self._headers = {}

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        name = self._name.lower()
        if name in self._headers:
            raise ValueError(f"a part has the header {name.decode('latin-1')[:80]} twice")
        self._headers[name] = self._value
        self._name = self._value = b""

    def _headers_end(self) -> None:
        self.parts.append(_part(self._headers))

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].content += data[start:end]

    def _end(self) -> None:
        self.is_over = True


def _part(headers: dict[bytes, bytes]) -> Part:
    """Return the part that its headers describe. Raises `ValueError`."""
    given = parameters_of(headers.get(b"content-disposition", b""))
    if "name" not in given:
        raise ValueError("a part's Content-Disposition has no name")
    try:
        name = _plain(given["name"].decode())
    except UnicodeDecodeError as wrong:
        raise ValueError("the name of a field is not UTF-8") from wrong
    if headers.get(b"content-transfer-encoding", b"").strip().lower() not in _UNCHANGED:
        raise ValueError(f"the part {name[:80]!r} is encoded; send its bytes as they are")
    content_type = headers.get(b"content-type", b"").decode("latin-1")
    if content_type.lower().startswith("multipart/"):
        kind = content_type.partition(";")[0][:80]
        raise ValueError(f"the part {name[:80]!r} is {kind}; send each file in a part of its own")
    return Part(name, _file_name(given), charset_of(content_type) if content_type else None)


def _file_name(given: dict[str, bytes]) -> str | None:
    """Return a file's name; a name with its own charset takes precedence (RFC 6266)."""
    extended = extended_text(given["filename*"]) if "filename*" in given else None
    if extended is not None:
        return extended
    if "filename" not in given:
        # In an unknown charset, or without one: the ending still says what the file is.
        last = given["filename*"].rpartition(b"'")[2] if "filename*" in given else None
        return None if last is None else unquote(last.decode("latin-1"))
    try:
        return _plain(given["filename"].decode())
    except UnicodeDecodeError:
        return _plain(given["filename"].decode("latin-1"))


def _plain(text: str) -> str:
    """Return a name with the three escapes that browsers use decoded."""
    return _AS_BROWSERS_WRITE.sub(lambda match: chr(int(match[1], 16)), text)
