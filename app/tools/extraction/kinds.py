"""Which format a document has: by its content, and by its name only among texts."""

import re
import zipfile
from io import BytesIO

from app.tools.extraction.document import DocumentFailure

PDF = "application/pdf"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HTML = "text/html"
CSV = "text/csv"
_TEXTS = frozenset({"text/plain", "text/markdown", "application/json", CSV, HTML})
_ENDINGS = {"csv": CSV, "htm": HTML, "html": HTML, "md": "text/markdown", "txt": "text/plain"}
_IS_HTML = re.compile(
    rb"\s*(<!--.*?-->\s*)?<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")

_MOST_MEMBERS = 5_000
_MOST_UNPACKED = 200 * 1024 * 1024


def kind_of(content: bytes, guessed: str, name: str) -> str:
    """Return the media type that a document is read as.

    `guessed` is what the upload was taken for. Raises `DocumentFailure`.
    """
    if content.startswith(b"PK\x03\x04"):
        return _office(content)
    if guessed == PDF:
        return PDF
    ending = name.rpartition(".")[2].lower()
    is_text = content.startswith(_UTF16) or not _BINARY.search(content)
    if guessed not in _TEXTS:
        guessed = _ENDINGS.get(ending, "text/plain") if is_text else guessed
    if guessed not in _TEXTS or not is_text:
        raise _unsupported(guessed)
    if guessed == "text/plain" and _IS_HTML.match(content[:1_000].removeprefix(b"\xef\xbb\xbf")):
        return HTML
    return guessed


def _office(content: bytes) -> str:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as damaged:
        raise DocumentFailure("DocumentUnreadable", "the archive is damaged") from damaged
    size = sum(member.file_size for member in members)
    if len(members) > _MOST_MEMBERS or size > _MOST_UNPACKED:
        message = f"unpacked it would be {size} bytes in {len(members)} parts"
        raise DocumentFailure("DocumentTooLarge", message)
    names = {member.filename for member in members}
    if "word/document.xml" in names:
        return WORD
    if "xl/workbook.xml" in names:
        return SPREADSHEET
    raise _unsupported("application/zip")


def _unsupported(kind: str) -> DocumentFailure:
    message = (
        f"a document of type {kind} cannot be read; PDF, DOCX, XLSX, HTML, CSV and plain text can"
    )
    return DocumentFailure("UnsupportedDocument", message)
