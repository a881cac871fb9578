"""Plain text, and what is text to its readers: Markdown, JSON, XML."""

from app.tools.extraction.charsets import declared_charset, decoded, without_dos_end
from app.tools.extraction.document import Document


def read(content: bytes, document: Document) -> None:
    """Read the text; XML in the encoding that it names."""
    declared = declared_charset(content) if content[:100].lstrip().startswith(b"<?xml") else ""
    text, document.encoding = decoded(without_dos_end(content), declared)
    document.take(text)
