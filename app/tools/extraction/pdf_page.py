"""The words on a page of a PDF, in the order in which they are read."""

import ctypes
import re
from collections.abc import Iterator

import pypdfium2
import pypdfium2.raw as pdfium

from app.tools.extraction.document import Document
from app.tools.extraction.pdf_order import in_reading_order
from app.tools.extraction.symbols import symbol

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_MARKED = re.compile("(^ *)?([\ue000-\uf8ff])", re.MULTILINE)
"""A symbol, also one that begins a line, as the mark of an item of a list does."""
_CONTROLS = re.compile(r"[\x00\x01\x03-\x08\x0b\x0e-\x1f\x7f]")
_HYPHENS = re.compile("[\x02\ufffe]")
"""What PDFium puts for the hyphen and the line break that part a word."""


def words_of(page: pypdfium2.PdfPage, number: int, document: Document) -> str:
    """Return the text of a page. Raises `PdfiumError`."""
    found = page.get_textpage()
    text = found.get_text_range(errors="replace")
    seen = found.get_text_bounded(errors="replace")
    if _letters(seen) not in ("", _letters(text)):
        # What lies off the page is not seen; where a page is all off, its frame is wrong.
        text = _within(page, found)
    elif _RIGHT_TO_LEFT.search(text) and not page.get_rotation():
        text = in_reading_order(list(_characters(found)))
    text = text.replace("\r\n", "\n")
    text = _HYPHENS.sub("-\n", text)
    if _PRIVATE.search(text):
        text = _with_symbols(text, found, document)
    unknown = sum(
        pdfium.FPDFText_HasUnicodeMapError(found, at) == 1 for at in range(found.count_chars())
    )
    if unknown:
        text = _CONTROLS.sub("\ufffd", text)
        what = f"{unknown} characters of page {number}, which the file does not tell"
        document.leave_out(what)
    return "\n".join(line.strip(" ") for line in text.strip("\n").split("\n"))


def _letters(text: str) -> str:
    return "".join(text.split())


def _characters(found: pypdfium2.PdfTextPage) -> Iterator[tuple[str, float, float]]:
    """Return each character with its left and its right edge."""
    for index in range(found.count_chars()):
        left, _, right, _ = found.get_charbox(index)
        yield found.get_text_range(index, 1, errors="replace"), left, right


def _within(page: pypdfium2.PdfPage, found: pypdfium2.PdfTextPage) -> str:
    """Return the characters that lie on the page."""
    left, bottom, right, top = page.get_bbox()
    kept = []
    for index in range(found.count_chars()):
        x1, y1, x2, y2 = found.get_charbox(index)
        is_space = pdfium.FPDFText_IsGenerated(found, index) == 1
        if is_space or (x2 > left and x1 < right and y2 > bottom and y1 < top):
            kept.append(found.get_text_range(index, 1, errors="replace"))
    return re.sub(r"(\r\n){2,}", "\r\n", "".join(kept))


def _with_symbols(text: str, found: pypdfium2.PdfTextPage, document: Document) -> str:
    """Return the text with what its symbol fonts draw; they mark the items of lists."""
    fonts: dict[str, str] = {}
    for index in range(found.count_chars()):
        code = pdfium.FPDFText_GetUnicode(found, index)
        if 0xE000 <= code <= 0xF8FF:  # noqa: PLR2004 - the private range
            fonts.setdefault(chr(code), _font(found, index))

    def drawn(private: re.Match[str]) -> str:
        font = fonts.get(private[2], "")
        shown = symbol(font, ord(private[2]))
        if shown is None and private[1] is not None:
            shown = "\u2022"
        if shown is None:
            document.leave_out(f"a symbol of the font {font[:50] or 'unknown'}")
        return (private[1] or "") + (shown or "\ufffd")

    return _MARKED.sub(drawn, text)


def _font(found: pypdfium2.PdfTextPage, index: int) -> str:
    """Return the name of the font of a character, without the mark of a subset."""
    size = pdfium.FPDFText_GetFontInfo(found, index, None, 0, None)
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDFText_GetFontInfo(found, index, buffer, size, None)
    name = buffer.raw.decode("utf-8", "replace").rstrip("\0")
    return name.partition("+")[2] or name
