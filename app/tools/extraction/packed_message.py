"""winmail.dat: a message as Outlook packs it for other mail programs (TNEF, MS-OXTNEF)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.tools.extraction import packed_rich_text
from app.tools.extraction.attachments import take_attachment
from app.tools.extraction.charsets import declared_charset, decoded
from app.tools.extraction.document import Document, damaged
from app.tools.extraction.flow import Flow
from app.tools.extraction.web_page import write_page
from steps.http.charset_names import codec_named

_FIRST = 6
_ATTRIBUTE, _AFTER = struct.Struct("<BHxxI"), 2
_LEVELS = (1, 2)
_CUT_OFF = "the end of the message, which is damaged or cut off"
_SUBJECT, _BODY_TEXT, _CODEPAGE, _PROPERTIES = 0x8004, 0x800C, 0x9007, 0x9003
_ATTACHMENT_BEGINS, _ATTACHMENT_NAME = 0x9002, 0x8010
_ATTACHMENT_CONTENT, _OF_ATTACHMENT = 0x800F, 0x9005
_BODY, _HTML, _RICH, _SENDER, _SUBJECT_PROPERTY = 0x1000, 0x1013, 0x1009, 0x0C1A, 0x0037
_LONG_NAME, _SHORT_NAME, _DISPLAY_NAME, _CONTENT = 0x3707, 0x3704, 0x3001, 0x3701
_SIZES = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 0xA: 4, 0xB: 4, 0x14: 8, 0x40: 8, 0x48: 16}
_OBJECT, _BYTES_OF_TEXT, _UNICODE, _BINARY = 0x0D, 0x1E, 0x1F, 0x102
_VARIABLE = (_OBJECT, _BYTES_OF_TEXT, _UNICODE, _BINARY)
_MANY, _FIRST_NAMED, _BY_NUMBER, _GUID_BYTES = 0x1000, 0x8000, 0, 16


@dataclass(slots=True)
class _Item:
    """A message or an attachment: properties with their types; name and bytes in the old style."""

    properties: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    name: bytes = b""
    body: bytes = b""
    content: bytes = b""
    codec: str = "cp1252"

    def text(self, tag: int) -> str:
        """Return a property that is a text, "" without it."""
        kind, value = self.properties.get(tag, (0, b""))
        if kind == _UNICODE:
            return value.decode("utf-16-le", "replace").rstrip("\0")
        return self.said(value) if kind == _BYTES_OF_TEXT else ""

    def bytes_of(self, tag: int, kind: int = _BINARY) -> bytes:
        """Return a property that is of that type, b"" without it."""
        found, value = self.properties.get(tag, (0, b""))
        return value if found == kind else b""

    def said(self, value: bytes) -> str:
        """Return the text of bytes in the message's own code page."""
        return value.decode(self.codec, "replace").rstrip("\0")


def read(content: bytes, document: Document) -> None:
    """Read the headers that are kept, the body, and messages that are attached."""
    message, attachments = _items(content, document)
    subject = message.text(_SUBJECT_PROPERTY) or message.said(message.name)
    sender = message.text(_SENDER)
    document.describe({"title": subject, "author": sender})
    flow = Flow(document, cell_break="\n")
    for name, value in (("From", sender), ("Subject", subject)):
        if value:
            flow.write(f"{name}: {' '.join(value.split())}")
            flow.end_line()
    flow.end_line()
    _read_body(message, document, flow)
    _read_attachments(attachments, document, flow)


def read_attachments(content: bytes, document: Document, flow: Flow) -> None:
    """Name what is attached, and read messages among it; the body is shown elsewhere."""
    _, attachments = _items(content, document)
    _read_attachments(attachments, document, flow)


def _read_body(message: _Item, document: Document, flow: Flow) -> None:
    body = message.text(_BODY) or message.said(message.body)
    page = message.bytes_of(_HTML)
    if body.strip():
        flow.write_lines(body)
        flow.end()
    elif page or message.text(_HTML):
        charset = declared_charset(page) or message.codec
        write_page(message.text(_HTML) or decoded(page, charset)[0], document, flow)
    elif packed := message.bytes_of(_RICH):
        flow.end()
        packed_rich_text.include(packed, document)


def _read_attachments(attachments: list[_Item], document: Document, flow: Flow) -> None:
    for item in attachments:
        named = (item.text(tag) for tag in (_LONG_NAME, _SHORT_NAME, _DISPLAY_NAME))
        name = next(filter(None, named), "") or item.said(item.name)
        content = item.bytes_of(_CONTENT) or item.content
        inner = item.bytes_of(_CONTENT, _OBJECT)[_GUID_BYTES:]
        take_attachment(inner or content, "", name, document, flow)


def _items(content: bytes, document: Document) -> tuple[_Item, list[_Item]]:
    """Return a message and what is attached to it. Raises `DocumentFailure`."""
    message = current = _Item()
    attachments: list[_Item] = []
    for tag, value in _attributes(content, document):
        if tag == _CODEPAGE:
            number = int.from_bytes(value[:4], "little")
            message.codec = codec_named(f"cp{number}") or message.codec
        elif tag == _ATTACHMENT_BEGINS:
            current = _Item(codec=message.codec)
            attachments.append(current)
        elif tag in (_SUBJECT, _ATTACHMENT_NAME):
            current.name = value
        elif tag == _ATTACHMENT_CONTENT:
            current.content = value
        elif tag == _BODY_TEXT:
            message.body = value
        elif tag in (_PROPERTIES, _OF_ATTACHMENT):
            try:
                current.properties.update(_properties(value))
            except struct.error as broken:
                raise damaged(f"its properties cannot be read ({broken})") from broken
    return message, attachments


def _attributes(content: bytes, document: Document) -> Iterator[tuple[int, bytes]]:
    at, padded = _FIRST, len(content.rstrip(b"\0"))
    while at < padded:
        end = at + _ATTRIBUTE.size
        level, tag, size = _ATTRIBUTE.unpack(content[at:end].ljust(_ATTRIBUTE.size, b"\0"))
        at = end + size + _AFTER
        if level not in _LEVELS or at > len(content):
            document.leave_out(_CUT_OFF)
            return
        yield tag, content[end : end + size]


def _properties(value: bytes) -> Iterator[tuple[int, tuple[int, bytes]]]:
    """Yield each property: its number, its type and, of several values, the first."""
    (count,), at = struct.unpack_from("<I", value), 4
    for _ in range(count):
        kind, tag = struct.unpack_from("<HH", value, at)
        at += 4
        if tag >= _FIRST_NAMED:
            is_named, size = struct.unpack_from("<II", value, at + _GUID_BYTES)
            at += _GUID_BYTES + 8 + (_padded(size) if is_named != _BY_NUMBER else 0)
        plain = kind & ~_MANY
        values = 1
        if plain in _VARIABLE or kind & _MANY:
            (values,) = struct.unpack_from("<I", value, at)
            at += 4
        found = b""
        for number in range(values):
            size = _SIZES.get(plain, 0)
            if plain in _VARIABLE:
                (size,) = struct.unpack_from("<I", value, at)
                at += 4
            elif not size:
                raise struct.error(f"a property of type {kind:#06x}")
            if at + size > len(value):
                raise struct.error("a value is longer than its message")
            found = found if number else value[at : at + size]
            at += _padded(size)
        yield tag, (plain, found)


def _padded(size: int) -> int:
    return size + -size % 4
