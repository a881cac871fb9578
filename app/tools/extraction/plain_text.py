"""Plain text, and what is text to its readers: Markdown, JSON, XML."""

from app.tools.extraction.charsets import declared_charset, decoded
from app.tools.extraction.document import Document

_DOS_END = b"\x1a"


def read(content: bytes, document: Document) -> None:
    """Read the text; XML in the encoding that it names."""
    declared = declared_charset(content) if content[:100].lstrip().startswith(b"<?xml") else ""
    text, document.encoding = decoded(content.removesuffix(_DOS_END), declared)
    document.take(text)
