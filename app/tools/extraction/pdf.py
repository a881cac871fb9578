"""PDF, by pypdf."""

from io import BytesIO

from pypdf import PasswordType, PdfReader

from app.tools.extraction.document import Document, DocumentFailure


def read(content: bytes, document: Document) -> None:
    """Read the text page by page. Raises `DocumentFailure` when a password is needed."""
    reader = PdfReader(BytesIO(content))
    # Many files are encrypted only against changes: the empty password opens them for reading.
    if reader.is_encrypted and reader.decrypt("") is PasswordType.NOT_DECRYPTED:
        raise DocumentFailure("DocumentUnreadable", "the document needs a password")
    document.pages = len(reader.pages)
    told = reader.metadata
    if told is not None:
        document.describe(
            {
                "title": told.title,
                "author": told.author,
                "subject": told.subject,
                "keywords": told.keywords,
                "creator": told.creator,
                "createdAt": told.creation_date_raw,
            }
        )
    wanted = min(document.pages, document.limits.max_pages)
    document.truncated = wanted < document.pages
    for number in range(wanted):
        if not document.take(reader.pages[number].extract_text() + "\n\n"):
            break
