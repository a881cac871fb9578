"""How text is decoded: by its mark, by what it says of itself, else UTF-8, else Windows-1252."""

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf-16"),
)
# As browsers read these names: each by the larger set that its writers have in fact used.
_LARGER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
_OTHER_NAMES = {
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "windows-949": "cp949",
    "ks_c_5601-1987": "cp949",
    "windows-874": "cp874",
    "iso-8859-8-i": "iso8859-8",
    "x-mac-roman": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
    "x-gbk": "gb18030",
    "x-euc-jp": "euc_jp",
}
_CHARACTER_SETS = re.compile(
    r"utf-?(8|16|32)|cp\d+|iso8859|gb|big5|euc|shift|iso2022|koi8|mac|hz|johab"
)
_HEAD_BYTES = 4_096
_IN_XML = re.compile(rb"\A\s*<\?xml[^>]*?\bencoding\s*=\s*[\"']([\w.:-]+)", re.IGNORECASE)
_IN_META = re.compile(rb"<meta\b[^>]*?\bcharset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)


def decoded(content: bytes, declared: str = "") -> tuple[str, str]:
    """Return the text and the name of its encoding. What fits none of it becomes U+FFFD."""
    for mark, codec, name in _MARKS:
        if content.startswith(mark):
            return content.decode(codec, "replace"), name
    codec = codec_of(declared)
    if codec and not codec.startswith("utf"):
        return content.decode(codec, "replace"), declared.lower()
    try:
        return content.decode(), "utf-8"
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace"), "windows-1252"


def declared_charset(content: bytes) -> str:
    """Return the name that a page or an XML document gives its encoding, "" without one."""
    head = content[:_HEAD_BYTES]
    found = _IN_XML.search(head.removeprefix(codecs.BOM_UTF8)) or _IN_META.search(head)
    return found[1].decode("ascii", "replace") if found else ""


def codec_of(name: str) -> str:
    """Return Python's name of a character set, "" where it has none of that name."""
    name = _OTHER_NAMES.get(name.strip().lower(), name.strip())
    try:
        found = codecs.lookup(name).name.replace("windows-", "cp")
    except (LookupError, ValueError):
        return ""
    return _LARGER.get(found, found) if _CHARACTER_SETS.match(found) or found == "ascii" else ""
