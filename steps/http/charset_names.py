"""Python's codecs for the names of charsets, read as browsers read them.

It imports next to nothing: the process that reads one document needs it too.
"""

import codecs
import re
from encodings.aliases import aliases

MARKS = (
    (codecs.BOM_UTF8, "utf_8"),
    (codecs.BOM_UTF32_LE, "utf_32_le"),
    (codecs.BOM_UTF32_BE, "utf_32_be"),
    (codecs.BOM_UTF16_LE, "utf_16_le"),
    (codecs.BOM_UTF16_BE, "utf_16_be"),
)
"""Byte order marks with their codecs; longer ones come before those that are their prefixes."""

_NO_TEXT = frozenset(
    {
        "base64_codec", "bz2_codec", "hex_codec", "mbcs", "quopri_codec", "rot_13", "uu_codec",
        "zlib_codec",
    }
)  # fmt: skip
# Senders often mean a larger charset than they name. Browsers read the name as that one.
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


def codec_named(name: str | None, *, exact: bool = False) -> str | None:
    """Return the codec for a charset name, None if it is unknown.

    For text that is written, `exact` gives the charset itself: not all receivers read as browsers.
    """
    plain = _bare(name or "")
    # The standard library's lookup is avoided: it caches every name for ever.
    for known in (plain, plain.removeprefix("x"), plain.removeprefix("cs")):
        if codec := _CODECS.get(known):
            return codec if exact else _MEANT.get(codec, codec)
    return None


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.lower())


_CODECS = {
    _bare(name): codec
    for alias, codec in aliases.items()
    if codec not in _NO_TEXT
    for name in (alias, codec)
} | _MORE_NAMES
