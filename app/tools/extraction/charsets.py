"""How text is decoded: by its mark, by what it says of itself, else UTF-8, else Windows-1252."""

import codecs
import re
from encodings.aliases import aliases

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf-16"),
)
_NO_TEXT = frozenset(
    {
        "base64_codec", "bz2_codec", "hex_codec", "mbcs", "quopri_codec", "rot_13", "uu_codec",
        "zlib_codec",
    }
)  # fmt: skip
# As browsers read these names: each by the larger set that its writers have in fact used.
_LARGER = {
    "latin_1": "cp1252",
    "iso8859_9": "cp1254",
    "iso8859_11": "cp874",
    "tis_620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
_MORE_NAMES = {
    "cnbig5": "big5", "xbig5": "big5", "cp874": "cp874", "dos874": "cp874",
    "windows874": "cp874", "windows31j": "cp932", "windows949": "cp949", "isoir149": "cp949",
    "ksc56011989": "cp949", "eucpkdfmtjapanese": "euc_jp", "isolatin9": "iso8859_15",
    "iso88596e": "iso8859_6", "iso88596i": "iso8859_6", "iso88598e": "iso8859_8",
    "iso88598i": "iso8859_8", "logical": "iso8859_8", "visual": "iso8859_8",
    "suneugreek": "iso8859_7", "koi": "koi8_r", "koi8": "koi8_r", "koi8u": "koi8_u",
    "koi8ru": "koi8_u", "cp720": "cp720", "cp737": "cp737", "mac": "mac_roman",
    "macukrainian": "mac_cyrillic", "macromanian": "mac_romanian", "maccroatian": "mac_croatian",
    "unicode11utf8": "utf_8", "unicode20utf8": "utf_8", "utf8mb4": "utf_8",
}  # fmt: skip
"""Names without marks, of https://encoding.spec.whatwg.org and some more, that Python lacks."""
_HEAD_BYTES = 4_096
_COMMENT = re.compile(
    rb"<!--.*?(-->|\Z)|<(script|style)\b.*?</(script|style)", re.IGNORECASE | re.DOTALL
)
_IN_XML = re.compile(rb"\A\s*<\?xml[^>]*?\bencoding\s*=\s*[\"']([\w.:-]+)", re.IGNORECASE)
_META = re.compile(rb"<meta\b((?:[^>\"']|\"[^\"]*\"|'[^']*')*)", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    rb"([^\s\"'>/=]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))"
)  # fmt: skip
_IN_CONTENT = re.compile(
    rb"(\A\s*[\w.+-]+/[\w.+-]+\s*;\s*)?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE
)
_WIDE_BYTES = 200
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ufffe\uffff]")


def decoded(content: bytes, declared: str = "") -> tuple[str, str]:
    """Return the text and the name of its encoding. What fits none of it becomes U+FFFD."""
    for mark, codec, name in _MARKS:
        if content.startswith(mark):
            return content.decode(codec, "replace"), name
    codec = codec_of(declared)
    if codec and not codec.startswith("utf"):
        return content.decode(codec, "replace"), declared.lower()
    for likely in dict.fromkeys((codec or "utf_8", "utf_8")):
        try:
            return content.decode(likely), likely.replace("_", "-")
        except UnicodeDecodeError:
            continue
    return content.decode("cp1252", "replace"), "windows-1252"


def with_mark(content: bytes) -> bytes:
    """Return a text in UTF-16 that lacks its byte order mark with one, all else as it is."""
    head = content[:_WIDE_BYTES]
    if any(head.startswith(mark) for mark, _, _ in _MARKS):
        return content
    for mark, zeros, letters in (
        (codecs.BOM_UTF16_LE, head[1::2], head[::2]),
        (codecs.BOM_UTF16_BE, head[::2], head[1::2]),
    ):
        is_wide = zeros.count(0) * 4 > len(letters) * 3 and not letters.count(0)
        if is_wide and not _CONTROLS.search((mark + head).decode("utf-16", "replace")):
            return mark + content
    return content


def declared_charset(content: bytes) -> str:
    """Return the name that a page or an XML document gives its encoding, "" without one."""
    head = content[:_HEAD_BYTES]
    found = _IN_XML.search(head.removeprefix(codecs.BOM_UTF8))
    name = (found[1] if found else _in_meta(head)).decode("ascii", "replace")
    # A head that can be read byte by byte is in no wide encoding, whatever it says.
    return "utf-8" if codec_of(name).startswith("utf") else name


def _in_meta(head: bytes) -> bytes:
    for told in _META.finditer(_COMMENT.sub(b"", head)):
        has = {name.lower(): b"".join(value) for name, *value in _ATTRIBUTE.findall(told[1])}
        if name := has.get(b"charset"):
            return name.strip()
        found = _IN_CONTENT.search(has.get(b"content", b""))
        if found and (found[1] or has.get(b"http-equiv", b"").lower() == b"content-type"):
            return found[2]
    return b""


def codec_of(name: str) -> str:
    """Return Python's name of a character set, "" where it has none of that name."""
    plain = _bare(name)
    for known in (plain, plain.removeprefix("x"), plain.removeprefix("cs")):
        if codec := _CODECS.get(known):
            return _LARGER.get(codec, codec)
    return ""


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.lower())


_CODECS = {
    _bare(name): codec
    for alias, codec in aliases.items()
    if codec not in _NO_TEXT and codec != "ascii"
    for name in (alias, codec)
} | _MORE_NAMES
