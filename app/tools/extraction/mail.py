"""EML, and web pages that were saved as mail: what a mail program shows of a message."""

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.errors import (
    CloseBoundaryNotFoundDefect,
    HeaderParseError,
    MessageError,
    StartBoundaryNotFoundDefect,
)
from email.header import decode_header
from email.message import EmailMessage
from typing import cast

from app.tools.extraction.attachments import take_attachment
from app.tools.extraction.charsets import declared_charset, decoded
from app.tools.extraction.document import Document, damaged, encrypted_for_somebody
from app.tools.extraction.flow import Flow
from app.tools.extraction.kinds import PACKED_SIGNATURE
from app.tools.extraction.packed_message import read_attachments
from app.tools.extraction.sealed_message import enclosed, holds_message
from app.tools.extraction.web_page import write_page

_SHOWN = ("From", "To", "Cc", "Date", "Subject")
_ENCRYPTED, _SEALED = "multipart/encrypted", ("application/pkcs7-mime", "application/x-pkcs7-mime")
_READ = ("text/plain", "text/html")
_NO_WORDS = ("text/css", "text/javascript", "text/x-amp-html")
_MESSAGES = ("message/rfc822", "message/global", "message/news", "message/partial")
_ELSEWHERE = "message/external-body"
_TAGS = re.compile(
    rb"<(style|script|title|head)\b.*?</\1|<[^>]*>|&nbsp;|&#160;", re.IGNORECASE | re.DOTALL
)
_QUOTES = re.compile(r"(>*) ?(.*)")
_SIGNATURE = "-- "
_ENRICHED = re.compile(r"<param>.*?</param>|<(?!<)/?[\w-]*>", re.IGNORECASE | re.DOTALL)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_CUT_OFF = (CloseBoundaryNotFoundDefect, StartBoundaryNotFoundDefect)
_DEEPEST = 20


def read(content: bytes, document: Document) -> None:
    """Read the headers that are shown, the body, and messages that are attached."""
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
        value = ", ".join(map(str, message.get_all(name, ()))) or None
    except (MessageError, ValueError, IndexError, AttributeError):
        # Some malformed headers break the parser of the standard library.
        value = None
    text = "" if value is None else str(value)
    if value is None or "\ufffd" in text:
        # Headers of old hold letters as they are, in a charset that nothing names.
        text = decoded(_raw(message, name).encode("utf-8", "surrogateescape"))[0]
    if "=?" in text:
        text = _decoded_words(text)
    return " ".join(text.split())


def _raw(message: EmailMessage, name: str) -> str:
    found = {key.lower(): raw for key, raw in message.raw_items()}
    return str(found.get(name.lower(), ""))


def _charset(part: EmailMessage) -> str:
    """Return the name that a part gives its charset, "" without one."""
    found = _CHARSET.search(_raw(part, "content-type"))
    return str(part.get_param("charset", "") or "") or (found[1] if found else "")


def _decoded_words(text: str) -> str:
    """Return a header in whose words (RFC 2047) the standard library did not know the charset."""
    try:
        found = decode_header(text)
    except (HeaderParseError, ValueError):
        return text
    return "".join(
        decoded(word, charset or "")[0] if isinstance(word, bytes) else word
        for word, charset in found
    )


def _read_part(part: EmailMessage, document: Document, flow: Flow, depth: int) -> None:
    kind = part.get_content_type()
    _check(part, document, depth)
    name = _file_name(part)
    if kind == _ENCRYPTED or kind in _SEALED or name.lower().endswith(".p7m"):
        _read_sealed(part, kind, document, flow, depth)
    elif part.get_content_maintype() == "message":
        _read_inner(part, kind, document, flow, depth)
    elif kind == "multipart/alternative":
        _read_best(list(_parts(part)), document, flow, depth)
    elif part.is_multipart():
        parts = list(_parts(part))
        for inner in parts:
            if _is_packed(inner) and any(_has_words(item) for item in parts if item is not inner):
                read_attachments(_bytes(inner), document, flow)
            else:
                _read_part(inner, document, flow, depth + 1)
    elif _is_packed(part):
        flow.end()
        document.include(_bytes(part), kind, _file_name(part))
    elif kind == "text/rtf" and _is_text(part, kind):
        flow.end()
        document.include(_bytes(part), kind, "")
    elif _is_text(part, kind):
        _read_text(part, kind, document, flow)
    else:
        take_attachment(_bytes(part), kind, name, document, flow)


def _check(part: EmailMessage, document: Document, depth: int) -> None:
    """Refuse parts that are nested too deep, and say so if the end of one may be missing."""
    if depth > _DEEPEST:
        raise damaged("its parts are nested too deep")
    if any(isinstance(defect, _CUT_OFF) for defect in part.defects):
        document.leave_out("the end of the message, if there was more: its last line is missing")


def _read_sealed(part: EmailMessage, kind: str, document: Document, flow: Flow, depth: int) -> None:
    """Read a message that is signed as a whole; refuse one that is encrypted."""
    content = b"" if kind == _ENCRYPTED else _bytes(part)
    if holds_message(content):
        if message := enclosed(content):
            signed = message_from_bytes(message, policy=policy.default)
            _read_part(signed, document, flow, depth + 1)
        else:
            document.leave_out(f"the attachment {_file_name(part)} ({kind})")
    elif depth == 0:
        raise encrypted_for_somebody()
    else:
        document.leave_out("a part that is encrypted")


def _is_packed(part: EmailMessage) -> bool:
    """Return whether a part is a message as Outlook packs it; it often has another media type."""
    return not part.is_multipart() and _bytes(part).startswith(PACKED_SIGNATURE)


def _read_inner(part: EmailMessage, kind: str, document: Document, flow: Flow, depth: int) -> None:
    """Read a message inside this one, or a delivery report, which consists of headers."""
    flow.block()
    if kind == _ELSEWHERE:
        document.leave_out("a part that is kept elsewhere")
        return
    if kind == "message/partial":
        document.leave_out("other parts of a message that was sent in pieces")
    for inner in _parts(part):
        if kind in _MESSAGES:
            _read_message(_unpacked(inner, part), document, flow, depth + 1)
            continue
        for name in dict.fromkeys(inner.keys()):
            flow.write(f"{name}: {_header(inner, name)}")
            flow.end_line()
        _read_part(inner, document, flow, depth + 1)


def _read_best(parts: list[EmailMessage], document: Document, flow: Flow, depth: int) -> None:
    """Read the last form of the same content that can be read: the richest comes last."""
    for part in reversed(parts):
        if _has_words(part):
            _read_part(part, document, flow, depth + 1)
            return
    for part in parts:
        _read_part(part, document, flow, depth + 1)


def _has_words(part: EmailMessage, depth: int = 0) -> bool:
    """Return whether a form of the content has words, and is not an empty page."""
    if part.is_multipart():
        return depth < _DEEPEST and any(_has_words(inner, depth + 1) for inner in _parts(part))
    kind = part.get_content_type()
    return kind in _READ and bool(_TAGS.sub(b"", _bytes(part)).strip())


def _is_text(part: EmailMessage, kind: str) -> bool:
    if part.get_content_disposition() == "attachment":
        return False
    return (kind.startswith("text/") and kind not in _NO_WORDS) or kind.startswith("multipart/")


def _unpacked(inner: EmailMessage, around: EmailMessage) -> EmailMessage:
    """Return a message within another one, also where it is packed, which no standard allows."""
    packed = str(around.get("content-transfer-encoding", "")).strip().lower()
    if packed not in ("base64", "quoted-printable") or inner.keys():
        return inner
    inner["content-transfer-encoding"] = packed
    return message_from_bytes(_bytes(inner), policy=policy.default)


def _joined(text: str, part: EmailMessage) -> str:
    """Return a text whose lines flow (RFC 3676) with its paragraphs in one line each."""
    if str(part.get_param("format", "") or "").lower() != "flowed":
        return text
    is_glued = str(part.get_param("delsp", "") or "").lower() == "yes"
    lines: list[list[str]] = []
    goes_on, depth = False, 0
    for line in text.splitlines():
        quotes, words = cast(re.Match[str], _QUOTES.match(line)).groups()
        if not goes_on or len(quotes) != depth or words == _SIGNATURE:
            lines.append([f"{quotes} "] if quotes else [])
        goes_on, depth = words.endswith(" ") and words != _SIGNATURE, len(quotes)
        lines[-1].append(words[:-1] if goes_on and is_glued else words)
    return "\n".join("".join(line) for line in lines)


def _read_text(part: EmailMessage, kind: str, document: Document, flow: Flow) -> None:
    content = _bytes(part)
    declared = _charset(part)
    if kind == "text/html":
        text, _ = decoded(content, declared or declared_charset(content))
        write_page(text, document, flow)
    else:
        text = _joined(decoded(content, declared)[0], part)
        if kind == "text/enriched":
            text = _ENRICHED.sub("", text).replace("<<", "<")
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
        return part.get_filename() or ""
    except (MessageError, ValueError, LookupError):
        return ""
