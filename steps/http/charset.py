"""Decodes the text of responses by byte order mark, header, document head and content.

The order is that of browsers (https://encoding.spec.whatwg.org/#decode). A byte order mark comes
first, because it does not occur by accident; then the header; then the head of the document. The
result is always a text: an unknown charset name never fails, and bytes that do not fit are shown as
U+FFFD.
"""

import codecs
import re
from collections.abc import Iterator
from email.message import Message

from steps.http.charset_names import MARKS, codec_named

_LONGEST_HEADER = 1_000
"""Characters of a content type that are looked at: the standard library's reading of longer
ones costs the square of their length."""

_HEAD = 2_048
"""Bytes at the beginning of a document that may declare its charset."""

_WIDE = frozenset({"utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be"})
_WINDOWS = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256))
"""The meaning of each byte in windows-1252; bytes that it leaves undefined are as in Latin-1."""

_XML = re.compile(rb"\s*<\?xml\s[^>]*?\bencoding\s*=\s*[\"']([\w.:-]{1,40})[\"']", re.IGNORECASE)
_META = re.compile(rb"<meta\s[^>]{0,200}?\bcharset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_CSS = re.compile(rb"@charset \"([\w.:-]{1,40})\";")


def charset_of(content_type: str, *, exact: bool = False) -> str | None:
    """Return the codec for a content type's `charset`, None if it is missing or unknown.

    `exact` is for writing, as in `codec_named`.
    """
    header = Message()
    header["content-type"] = content_type[:_LONGEST_HEADER].replace("\r", " ").replace("\n", " ")
    try:
        name = header.get_param("charset")
    except (LookupError, ValueError):
        return None
    return codec_named(name[2] if isinstance(name, tuple) else name, exact=exact)


def text_of(content: bytes, content_type: str = "") -> str:
    """Return the text in the bytes of a content type, without a byte order mark."""
    return next(_readings(content, content_type))


def marked(content: bytes) -> str | None:
    """Return the codec of a byte order mark, None if there is none."""
    return next((codec for mark, codec in MARKS if content.startswith(mark)), None)


def looks_like_text(content: bytes) -> bool:
    """Return whether bytes of unknown type are text: UTF-8 without control characters."""
    if marked(content) is None and re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]", content):
        return False
    return _decoded(content, marked(content) or "utf_8") is not None


def _readings(content: bytes, content_type: str) -> Iterator[str]:
    """Return the possible texts of the bytes, most likely first; the last always decodes."""
    for codec in (marked(content), charset_of(content_type), _named_inside(content), "utf_8"):
        text = None if codec is None else _decoded(content, codec)
        if text is not None:
            yield text.removeprefix("\ufeff")
    # Nothing fits: either UTF-8 with a few damaged places, or an old 8-bit charset.
    damaged = content.decode("utf_8", "replace")
    bad = damaged.count("\ufffd")
    good = sum(char > "\x7f" for char in damaged) - bad
    codec = marked(content) or charset_of(content_type) or "utf_8"
    if codec != "utf_8":
        damaged = _sound(content.decode(codec, "replace"))
    elif bad >= good:
        damaged = codecs.charmap_decode(content, "strict", _WINDOWS)[0]
    yield damaged.removeprefix("\ufeff")


def _decoded(content: bytes, codec: str) -> str | None:
    """Return the text if all bytes fit the codec."""
    if codec == "cp1252":
        return codecs.charmap_decode(content, "strict", _WINDOWS)[0]
    try:
        return _sound(content.decode(codec))
    except UnicodeError:
        return None


def _named_inside(content: bytes) -> str | None:
    """Return the codec that the head of XML, HTML or CSS declares."""
    head = content[:_HEAD]
    if head.startswith((b"<\0", b"\0<")):
        return "utf_16_le" if head.startswith(b"<") else "utf_16_be"
    found = _XML.match(head) or _CSS.match(head)
    if found is None and b"<" in head:
        found = _META.search(head)
    codec = codec_named(found[1].decode("ascii", "replace")) if found else None
    # A head that is readable byte by byte is not in a wide codec, even if it claims so.
    return "utf_8" if codec in _WIDE else codec


def _sound(text: str) -> str:
    """Return a text without unpaired surrogates, which some codecs produce."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf_16_le", "surrogatepass").decode("utf_16_le", "replace")
    return text
