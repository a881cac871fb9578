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
_RETURN = ord("\r")
_UPRIGHT = 0.1
_HYPHENS = re.compile("[\x02\ufffe]")
"""What PDFium puts for the hyphen and the line break that part a word."""


def words_of(page: pypdfium2.PdfPage, number: int, document: Document) -> str:
    """Return the text of a page. Raises `PdfiumError`."""
    found = page.get_textpage()
    text = found.get_text_range(errors="replace")
    seen = found.get_text_bounded(errors="replace")
    letters = _Letters(found)
    if unknown := len(letters.unknown):
        document.leave_out(f"{unknown} characters of page {number}, which the file does not tell")
    if _without_space(seen) not in ("", _without_space(text)):
        # What lies off the page is not seen; where a page is all off, its frame is wrong.
        text = letters.within(page.get_bbox())
    elif _RIGHT_TO_LEFT.search(text) and not page.get_rotation():
        text = in_reading_order(list(letters))
    elif letters.unknown or letters.no_breaks:
        text = "".join(letter for letter, _, _ in letters)
    text = _HYPHENS.sub("-\n", text.replace("\r\n", "\n"))
    if _PRIVATE.search(text):
        text = _with_symbols(text, found, document)
    return "\n".join(line.strip(" ") for line in text.strip("\n").split("\n"))


class _Letters:
    """The characters of a page, one by one.

    Attributes:
        unknown: The places of those of which the file does not say what they are.
        no_breaks: The places of line breaks beside what is only raised or lowered in its line.
    """

    def __init__(self, found: pypdfium2.PdfTextPage) -> None:
        self._found = found
        self._codes = [pdfium.FPDFText_GetUnicode(found, at) for at in range(found.count_chars())]
        self.unknown = {
            at
            for at in range(len(self._codes))
            if pdfium.FPDFText_HasUnicodeMapError(found, at) == 1
        }
        self.no_breaks: set[int] = set()
        for at, code in enumerate(self._codes[:-2]):
            is_break = code == _RETURN and pdfium.FPDFText_IsGenerated(found, at) == 1
            if at and is_break and self._are_beside(at - 1, at + 2):
                self.no_breaks.update((at, at + 1))

    def __iter__(self) -> Iterator[tuple[str, float, float]]:
        """Return each character with its left and its right edge."""
        for at in range(len(self._codes)):
            if at not in self.no_breaks:
                left, _, right, _ = self._found.get_charbox(at)
                yield self._letter(at), left, right

    def within(self, frame: tuple[float, float, float, float]) -> str:
        """Return the text that lies in a frame."""
        left, bottom, right, top = frame
        kept = []
        for at in range(len(self._codes)):
            x1, y1, x2, y2 = self._found.get_charbox(at)
            is_space = pdfium.FPDFText_IsGenerated(self._found, at) == 1
            if is_space or (x2 > left and x1 < right and y2 > bottom and y1 < top):
                kept.append(self._letter(at))
        return re.sub(r"(\r\n){2,}", "\r\n", "".join(kept))

    def _letter(self, at: int) -> str:
        """Return a character; of one that is unknown PDFium gives the number in its font."""
        if at in self.unknown and self._codes[at] < ord(" "):
            return "\ufffd"
        return str(self._found.get_text_range(at, 1, errors="replace"))

    def _are_beside(self, before: int, after: int) -> bool:
        """Say whether two characters stand upright beside each other, on about one height."""
        for at in (before, after):
            if abs(pdfium.FPDFText_GetCharAngle(self._found, at)) > _UPRIGHT:
                return False
        _, bottom1, right1, top1 = self._found.get_charbox(before, loose=True)
        left2, bottom2, _, top2 = self._found.get_charbox(after, loose=True)
        height = min(top1 - bottom1, top2 - bottom2)
        overlap = min(top1, top2) - max(bottom1, bottom2)
        return bool(overlap > height / 2 and -height / 4 < left2 - right1 < height)


def _without_space(text: str) -> str:
    return "".join(text.split())


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
