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
from encodings.aliases import aliases

_LONGEST_HEADER = 1_000
"""Characters of a content type that are looked at: the standard library's reading of longer
ones costs the square of their length."""

_HEAD = 2_048
"""Bytes at the beginning of a document that may declare its charset."""

_MARKS = (
    (codecs.BOM_UTF8, "utf_8"),
    (codecs.BOM_UTF32_LE, "utf_32_le"),
    (codecs.BOM_UTF32_BE, "utf_32_be"),
    (codecs.BOM_UTF16_LE, "utf_16_le"),
    (codecs.BOM_UTF16_BE, "utf_16_be"),
)
"""Longer marks come before the marks that are their prefixes."""

_WIDE = frozenset({"utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be"})
_NO_TEXT = frozenset(
    {
        "base64_codec", "bz2_codec", "hex_codec", "mbcs", "quopri_codec", "rot_13", "uu_codec",
        "zlib_codec",
    }
)  # fmt: skip
# Senders often mean the larger charset as which browsers read a name.
_MEANT = {
    "ascii": "utf_8",
    "latin_1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "iso8859_9": "cp1254",
    "iso8859_11": "cp874",
    "tis_620": "cp874",
    "utf_16": "utf_16_le",
    "utf_32": "utf_32_le",
}
_MORE_NAMES = {
    "cnbig5": "big5", "xbig5": "big5", "cp874": "cp874", "dos874": "cp874",
    "windows874": "cp874", "windows31j": "shift_jis", "windows949": "euc_kr", "isoir149": "euc_kr",
    "ksc56011989": "euc_kr", "eucpkdfmtjapanese": "euc_jp", "isolatin9": "iso8859_15",
    "iso88596e": "iso8859_6", "iso88596i": "iso8859_6", "iso88598e": "iso8859_8",
    "iso88598i": "iso8859_8", "logical": "iso8859_8", "visual": "iso8859_8",
    "suneugreek": "iso8859_7", "koi": "koi8_r", "koi8": "koi8_r", "koi8u": "koi8_u",
    "koi8ru": "koi8_u", "cp720": "cp720", "cp737": "cp737", "mac": "mac_roman",
    "macukrainian": "mac_cyrillic", "macromanian": "mac_romanian", "maccroatian": "mac_croatian",
    "unicode11utf8": "utf_8", "unicode20utf8": "utf_8", "utf8mb4": "utf_8", "utf8sig": "utf_8",
    "unicode": "utf_16", "utf16": "utf_16", "utf32": "utf_32", "ucs2": "utf_16",
}  # fmt: skip
"""Labels of https://encoding.spec.whatwg.org and some others that Python does not know."""

_WINDOWS = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256))
"""The meaning of each byte in windows-1252; bytes that it leaves undefined are as in Latin-1."""

_XML = re.compile(rb"\s*<\?xml\s[^>]*?\bencoding\s*=\s*[\"']([\w.:-]{1,40})[\"']", re.IGNORECASE)
_META = re.compile(rb"<meta\s[^>]{0,200}?\bcharset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_CSS = re.compile(rb"@charset \"([\w.:-]{1,40})\";")


def charset_of(content_type: str) -> str | None:
    """Return the codec for a content type's `charset`, None if it is missing or unknown."""
    header = Message()
    header["content-type"] = content_type[:_LONGEST_HEADER].replace("\r", " ").replace("\n", " ")
    try:
        name = header.get_param("charset")
    except (LookupError, ValueError):
        return None
    return codec_named(name[2] if isinstance(name, tuple) else name)


def codec_named(name: str | None) -> str | None:
    """Return the codec for a charset name, None if it is unknown."""
    plain = _bare(name or "")
    # The standard library's lookup is avoided: it caches every name for ever.
    for known in (plain, plain.removeprefix("x"), plain.removeprefix("cs")):
        if codec := _CODECS.get(known):
            return _MEANT.get(codec, codec)
    return None


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.lower())


_CODECS = {
    _bare(name): codec
    for alias, codec in aliases.items()
    if codec not in _NO_TEXT
    for name in (alias, codec)
} | _MORE_NAMES


def text_of(content: bytes, content_type: str = "") -> str:
    """Return the text in the bytes of a content type, without a byte order mark."""
    return next(_readings(content, content_type))


def marked(content: bytes) -> str | None:
    """Return the codec of a byte order mark, None if there is none."""
    return next((codec for mark, codec in _MARKS if content.startswith(mark)), None)


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
