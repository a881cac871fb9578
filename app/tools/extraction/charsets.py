"""How text is decoded: by its mark, by what it says of itself, else UTF-8, else by its letters."""

import codecs
import re

from steps.http.charset_names import MARKS, codec_named

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
_SHOWN = {
    "cp932": "shift_jis", "cp949": "euc-kr", "euc_jp": "euc-jp", "koi8_r": "koi8-r", "big5": "big5",
    "gb18030": "gb18030", "iso2022_jp": "iso-2022-jp",
    "iso8859_2": "iso-8859-2", "iso8859_5": "iso-8859-5", "cp866": "ibm866", "cp850": "ibm850",
}  # fmt: skip
"""The names of codecs; those of Windows are called by their numbers."""
_ESCAPES = re.compile(rb"\x1b\$[@B]")
"""What begins Japanese in ISO-2022-JP, which otherwise is ASCII."""
_WIDE_BYTES = 200
_CUT = "unexpected end of data"  # as Python says it
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ufffe\uffff]")


def decoded(content: bytes, declared: str = "") -> tuple[str, str]:
    """Return the text and the name of its encoding. What fits none of it becomes U+FFFD."""
    for mark, marked in MARKS:
        if content.startswith(mark):
            text = content.removeprefix(mark).decode(marked, "replace")
            return text, "-".join(marked.split("_")[:2])
    codec = codec_named(declared)
    if codec and not codec.startswith("utf"):
        return content.decode(codec, "replace"), declared.lower()
    escapes = "iso2022_jp" if _ESCAPES.search(content) else "utf_8"
    for likely in dict.fromkeys((codec or escapes, "utf_8")):
        try:
            return content.decode(likely), _SHOWN.get(likely, likely.replace("_", "-"))
        except UnicodeDecodeError as wrong:
            # A text that was cut within a letter is UTF-8 if there are whole letters before.
            is_cut = wrong.reason == _CUT and not content[: wrong.start].isascii()
            if is_cut and likely == "utf_8":
                return content.decode(likely, "replace"), "utf-8"
    from app.tools.extraction.likely_charset import likely_charset  # noqa: PLC0415 - seldom needed

    found = likely_charset(content)
    return content.decode(found, "replace"), _SHOWN.get(found, found.replace("cp", "windows-"))


def with_mark(content: bytes) -> bytes:
    """Return a text in UTF-16 that lacks its byte order mark with one, all else as it is."""
    head = content[:_WIDE_BYTES]
    if any(head.startswith(mark) for mark, _ in MARKS):
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
    return "utf-8" if (codec_named(name) or "").startswith("utf") else name


def _in_meta(head: bytes) -> bytes:
    for match in _META.finditer(_COMMENT.sub(b"", head)):
        has = {name.lower(): b"".join(value) for name, *value in _ATTRIBUTE.findall(match[1])}
        if name := has.get(b"charset"):
            return name.strip()
        found = _IN_CONTENT.search(has.get(b"content", b""))
        if found and (found[1] or has.get(b"http-equiv", b"").lower() == b"content-type"):
            return found[2]
    return b""


def without_dos_end(content: bytes) -> bytes:
    """Return a text without the bytes 0x1A with which DOS fills the last block of a file."""
    text = content.rstrip(b"\x1a\0\r\n")
    return text + content[len(text) :].partition(b"\x1a")[0]
