"""EML, and web pages that were saved as mail: what a mail program shows of a message."""

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage
from typing import cast

from app.tools.extraction.charsets import declared_charset, decoded
from app.tools.extraction.document import Document, damaged, encrypted
from app.tools.extraction.flow import Flow
from app.tools.extraction.web_page import write_page

_SHOWN = ("From", "To", "Cc", "Date", "Subject")
_ENCRYPTED = frozenset(
    {"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"}
)
_READ = ("text/plain", "text/html")
_DEEPEST = 20


def read(content: bytes, document: Document) -> None:
    """Read the headers that are shown and the body; attachments are named as left out."""
    try:
        message = message_from_bytes(content, policy=policy.default)
        flow = Flow(document, cell_break="\n")
        _read_message(message, document, flow, 0)
    except (MessageError, RecursionError) as broken:
        raise damaged(str(broken)) from broken
    document.describe(
        {
            "title": _header(message, "Subject"),
            "author": _header(message, "From"),
            "createdAt": _header(message, "Date"),
        }
    )


def _read_message(message: EmailMessage, document: Document, flow: Flow, depth: int) -> None:
    for name in _SHOWN:
        if value := _header(message, name):
            flow.write(f"{name}: {value}")
            flow.end_line()
    flow.end_line()
    _read_part(message, document, flow, depth)


def _header(message: EmailMessage, name: str) -> str:
    try:
        value = message.get(name)
    except (MessageError, ValueError, IndexError, AttributeError):
        # Some malformed headers break the parser of the standard library.
        value = None
    text = "" if value is None else str(value)
    if value is None or "\ufffd" in text:
        # Headers of old hold letters as they are, in a charset that nothing names.
        found = {key.lower(): raw for key, raw in message.raw_items()}.get(name.lower(), "")
        text = decoded(str(found).encode("utf-8", "surrogateescape"))[0]
    return " ".join(text.split())


def _read_part(part: EmailMessage, document: Document, flow: Flow, depth: int) -> None:
    kind = part.get_content_type()
    if kind in _ENCRYPTED and "signed" not in str(part.get_param("smime-type", "")):
        raise encrypted()
    if depth > _DEEPEST:
        raise damaged("its parts are nested too deep")
    if kind == "message/rfc822":
        flow.block()
        for inner in _parts(part):
            _read_message(inner, document, flow, depth + 1)
    elif kind == "multipart/alternative":
        _read_best(list(_parts(part)), document, flow, depth)
    elif part.is_multipart():
        for inner in _parts(part):
            _read_part(inner, document, flow, depth + 1)
    elif kind in _READ and part.get_content_disposition() != "attachment":
        _read_text(part, kind, flow)
    else:
        name = _file_name(part)
        document.leave_out(f"the attachment {name} ({kind})" if name else f"a part of type {kind}")


def _read_best(parts: list[EmailMessage], document: Document, flow: Flow, depth: int) -> None:
    """Read the last form of the same content that can be read: the richest comes last."""
    for part in reversed(parts):
        if part.is_multipart() or (part.get_content_type() in _READ and _bytes(part).strip()):
            _read_part(part, document, flow, depth + 1)
            return
    for part in parts:
        _read_part(part, document, flow, depth + 1)


def _read_text(part: EmailMessage, kind: str, flow: Flow) -> None:
    content = _bytes(part)
    declared = str(part.get_param("charset", "") or "")
    if kind == "text/html":
        text, _ = decoded(content, declared or declared_charset(content))
        write_page(text, flow)
    else:
        text, _ = decoded(content, declared)
        flow.write_lines(text)
        flow.end()


def _parts(part: EmailMessage) -> Iterator[EmailMessage]:
    found = part.get_payload()
    if isinstance(found, list):
        yield from cast(list[EmailMessage], found)


def _bytes(part: EmailMessage) -> bytes:
    found = part.get_payload(decode=True)
    return found if isinstance(found, bytes) else b""


def _file_name(part: EmailMessage) -> str:
    try:
        return (part.get_filename() or "")[:100]
    except (MessageError, ValueError, LookupError):
        return ""
