"""MSG, as Outlook saves a message: a compound file with a stream for each property."""

import struct
from datetime import UTC, datetime, timedelta
from io import BytesIO

from olefile import OleFileIO

from app.tools.extraction import packed_rich_text
from app.tools.extraction.attachments import take_attachment
from app.tools.extraction.charsets import declared_charset, decoded
from app.tools.extraction.document import Document, damaged, encrypted_for_somebody
from app.tools.extraction.flow import Flow
from app.tools.extraction.sealed_message import enclosed, holds_message
from app.tools.extraction.web_page import write_page
from steps.http.charset_names import codec_named

_CLASS, _SEALED, _SIGNED_IN_PARTS = 0x001A, "ipm.note.smime", ".multipartsigned"
_SUBJECT, _SENDER, _ADDRESS, _SMTP_ADDRESS = 0x0037, 0x0C1A, 0x0C1F, 0x5D01
_TO, _CC, _SENT, _RECEIVED = 0x0E04, 0x0E03, 0x0039, 0x0E06
_BODY, _HTML, _RICH = 0x1000, 0x1013, 0x1009
_CODEPAGE, _INTERNET_CODEPAGE = 0x3FFD, 0x3FDE
_CONTENT, _LONG_NAME, _NAME, _DISPLAY_NAME = 0x3701, 0x3707, 0x3704, 0x3001
_UNICODE, _BYTES_OF_TEXT, _BINARY, _OBJECT = 0x001F, 0x001E, 0x0102, 0x000D
_PROPERTIES, _ATTACHMENT = "__properties_version1.0", "__attach_version1.0_#"
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_MOST_STREAM_BYTES = 50 * 1024 * 1024
_DEEPEST = 20


def read(content: bytes, document: Document) -> None:
    """Read the headers that are shown, the body, and messages that are attached."""
    with OleFileIO(BytesIO(content)) as ole:
        message = _Message(ole, [])
        document.describe(
            {
                "title": message.text(_SUBJECT),
                "author": message.text(_SENDER),
                "createdAt": message.moment(),
            }
        )
        _read_message(message, document, Flow(document, cell_break="\n"), 0)


def _read_message(message: "_Message", document: Document, flow: Flow, depth: int) -> None:
    if depth > _DEEPEST:
        raise damaged("its messages are nested too deep")
    address = message.text(_SMTP_ADDRESS) or message.text(_ADDRESS)
    sender = message.text(_SENDER)
    is_internet = "@" in address and address != sender
    headers = {
        "From": f"{sender} <{address}>".strip() if is_internet else sender or address,
        "To": message.text(_TO),
        "Cc": message.text(_CC),
        "Date": message.moment() or "",
        "Subject": message.text(_SUBJECT),
    }
    for name, value in headers.items():
        if value:
            flow.write(f"{name}: {' '.join(value.split())}")
            flow.end_line()
    flow.end_line()
    if sealed := _sealed(message):
        flow.end()
        document.include(sealed, "message/rfc822", "the signed message")
        return
    _read_body(message, document, flow)
    for inner in message.attachments():
        nested = inner.message()
        if nested is None:
            take_attachment(inner.content(), "", inner.name(), document, flow)
        else:
            flow.end_line()
            _read_message(nested, document, flow, depth + 1)


def _sealed(message: "_Message") -> bytes:
    """Return what a message in S/MIME signs, b"" if it is none. Raises `DocumentFailure`."""
    kind = message.text(_CLASS).lower()
    if not kind.startswith(_SEALED):
        return b""
    content = next((found for item in message.attachments() if (found := item.content())), b"")
    if holds_message(content):
        return enclosed(content)
    if not kind.endswith(_SIGNED_IN_PARTS):
        raise encrypted_for_somebody()
    return content


def _read_body(message: "_Message", document: Document, flow: Flow) -> None:
    body, page = message.text(_BODY), message.page()
    if body.strip():
        flow.write_lines(body)
        flow.end()
    elif page:
        write_page(page, document, flow)
    elif message.has(_RICH):
        flow.end()
        packed_rich_text.include(message.rich_text(), document)


class _Message:
    """A message or an attachment: a storage of the file."""

    def __init__(self, ole: OleFileIO, path: list[str]) -> None:
        self._ole = ole
        self._path = path
        self._fixed = self._read_fixed()
        number = self._fixed.get(_CODEPAGE) or self._fixed.get(_INTERNET_CODEPAGE) or b""
        self._codec = codec_named(f"cp{int.from_bytes(number[:4], 'little')}") or "cp1252"

    def has(self, tag: int, kind: int = _BINARY) -> bool:
        """Return whether there is a property."""
        return bool(self._ole.exists([*self._path, f"__substg1.0_{tag:04X}{kind:04X}"]))

    def text(self, tag: int) -> str:
        """Return a property that is a text, "" without it."""
        if self.has(tag, _UNICODE):
            return self._stream(tag, _UNICODE).decode("utf-16-le", "replace").rstrip("\0")
        if self.has(tag, _BYTES_OF_TEXT):
            return self._stream(tag, _BYTES_OF_TEXT).decode(self._codec, "replace").rstrip("\0")
        return ""

    def page(self) -> str:
        """Return the body as HTML, "" without one."""
        if not self.has(_HTML):
            return self.text(_HTML)
        content = self._stream(_HTML, _BINARY)
        number = int.from_bytes(self._fixed.get(_INTERNET_CODEPAGE, b"")[:4], "little")
        charset = "utf-8" if number == 65_001 else f"cp{number}"  # noqa: PLR2004 - its code page
        return decoded(content, declared_charset(content) or charset)[0]

    def rich_text(self) -> bytes:
        """Return the body as packed RTF."""
        return self._stream(_RICH, _BINARY)

    def moment(self) -> str | None:
        """Return when the message was sent or received, in ISO 8601."""
        ticks = self._fixed.get(_SENT) or self._fixed.get(_RECEIVED)
        if ticks is None:
            return None
        try:
            moment = _EPOCH + timedelta(microseconds=int.from_bytes(ticks, "little") // 10)
        except OverflowError:
            return None
        return moment.isoformat(timespec="seconds")

    def attachments(self) -> list["_Message"]:
        """Return what is attached."""
        here = len(self._path)
        names = {
            entry[here]
            for entry in self._ole.listdir(streams=True, storages=True)
            if entry[:here] == self._path and len(entry) > here
        }
        found = sorted(name for name in names if name.startswith(_ATTACHMENT))
        return [_Message(self._ole, [*self._path, name]) for name in found]

    def message(self) -> "_Message | None":
        """Return the message that is attached, where it is one."""
        storage = f"__substg1.0_{_CONTENT:04X}{_OBJECT:04X}"
        inner = [*self._path, storage]
        is_message = self._ole.exists([*inner, _PROPERTIES])
        return _Message(self._ole, inner) if is_message else None

    def name(self) -> str:
        """Return the name of what is attached."""
        names = (self.text(tag) for tag in (_LONG_NAME, _NAME, _DISPLAY_NAME))
        return next((name for name in names if name), "")

    def content(self) -> bytes:
        """Return the bytes of what is attached."""
        return self._stream(_CONTENT, _BINARY) if self.has(_CONTENT) else b""

    def _stream(self, tag: int, kind: int) -> bytes:
        with self._ole.openstream([*self._path, f"__substg1.0_{tag:04X}{kind:04X}"]) as stream:
            content: bytes = stream.read(_MOST_STREAM_BYTES)
        return content

    def _read_fixed(self) -> dict[int, bytes]:
        """Return the properties of fixed size, by tag."""
        place = [*self._path, _PROPERTIES]
        if not self._ole.exists(place):
            return {}
        with self._ole.openstream(place) as stream:
            content: bytes = stream.read(_MOST_STREAM_BYTES)
        head = 32 if not self._path else 8 if self._path[-1].startswith(_ATTACHMENT) else 24
        entries = content[head : head + (len(content) - head) // 16 * 16]
        return {tag >> 16: value for tag, _, value in struct.iter_unpack("<II8s", entries)}
