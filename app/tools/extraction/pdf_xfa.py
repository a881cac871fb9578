"""Forms in XFA, which are XML inside a PDF: what was filled in."""

import ctypes
from collections.abc import Iterator

import pypdfium2
import pypdfium2.raw as pdfium

from app.tools.extraction.document import DocumentFailure
from app.tools.extraction.markup import parse

_DATA = "data"


def values_of(book: pypdfium2.PdfDocument) -> list[str]:
    """Return a line for each field with a value; none where they cannot be read."""
    found = _Values()
    source = b"".join(_packets(book))
    try:
        parse(source, found, "the form in XFA")
    except DocumentFailure:
        return []
    return found.lines


def _packets(book: pypdfium2.PdfDocument) -> Iterator[bytes]:
    for index in range(pdfium.FPDF_GetXFAPacketCount(book)):
        size = ctypes.c_ulong()
        pdfium.FPDF_GetXFAPacketContent(book, index, None, 0, size)
        buffer = ctypes.create_string_buffer(size.value)
        pdfium.FPDF_GetXFAPacketContent(book, index, buffer, size.value, size)
        yield buffer.raw


class _Values:
    """Keeps the elements of the data that hold text and no elements."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._inside = 0
        self._text: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._inside += name == _DATA or self._inside > 0
        self._text.clear()

    def end(self, name: str) -> None:
        value = "".join(self._text).strip()
        if self._inside and value:
            self.lines.append(f"{name}: {value}")
        self._inside -= self._inside > 0
        self._text.clear()

    def text(self, text: str) -> None:
        if self._inside:
            self._text.append(text)
