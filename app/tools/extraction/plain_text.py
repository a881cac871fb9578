"""Plain text, and how text is decoded when nothing says how it was encoded."""

import codecs

from app.tools.extraction.document import Document

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read(content: bytes, document: Document) -> None:
    """Read the text."""
    text, document.encoding = decoded(content)
    document.take(text)


def decoded(content: bytes) -> tuple[str, str]:
    """Return the text and its encoding: by its mark, else UTF-8, else Windows-1252.

    Windows-1252 is what old Western programs write; its five unused bytes become U+FFFD.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, "replace"), encoding.removesuffix("-sig")
    try:
        return content.decode(), "utf-8"
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace"), "windows-1252"
