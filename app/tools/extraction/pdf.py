"""PDF, by PDFium."""

import re

import pypdfium2
import pypdfium2.raw as pdfium

from app.tools.extraction.document import Document, damaged, encrypted
from app.tools.extraction.pdf_form import values_on

_DESCRIBED = {
    "title": "Title", "author": "Author", "subject": "Subject", "keywords": "Keywords",
    "creator": "Creator", "createdAt": "CreationDate",
}  # fmt: skip
_END, _END_OF_OBJECT = b"%%EOF", b"endobj"
_PAGES, _COUNT = re.compile(rb"/Type\s*/Pages\b"), re.compile(rb"/Count\s+(\d+)")
_LONGEST_NODE = 1_000_000
_XFA = (pdfium.FORMTYPE_XFA_FULL, pdfium.FORMTYPE_XFA_FOREGROUND)


def read(content: bytes, document: Document) -> None:
    """Read the text page by page, each with the values of its form fields.

    A page that cannot be read, or has no text, is named in what is left out.
    """
    content = content[max(0, content.find(b"%PDF-")) :]
    try:
        book = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as failed:
        if pdfium.FPDF_GetLastError() == pdfium.FPDF_ERR_PASSWORD:
            raise encrypted() from failed
        raise damaged(str(failed)) from failed
    book = _with_all_pages(book, content)
    book.init_forms()
    document.pages = len(book)
    if not document.pages:
        raise damaged("it has no pages")
    metadata = book.get_metadata_dict()
    document.describe({name: metadata.get(key) for name, key in _DESCRIBED.items()})
    if content.rfind(_END) < content.rfind(_END_OF_OBJECT):
        document.leave_out("what came behind the end of the file, which is cut off")
    if book.get_formtype() in _XFA:
        document.leave_out("the form in XFA, beside the pages of PDF")
    if attached := book.count_attachments():
        document.leave_out("an attached file", attached)
    wanted = min(document.pages, document.limits.max_pages)
    document.truncated = wanted < document.pages
    bad_pages = 0
    for index in range(wanted):
        text = _page(book, index, document)
        bad_pages += text is None
        document.take(f"{text or ''}\n\n")
    if bad_pages == wanted:
        raise damaged("none of its pages can be read")


def _with_all_pages(book: pypdfium2.PdfDocument, content: bytes) -> pypdfium2.PdfDocument:
    """Return the document with the pages that its tree has, also where it tells fewer.

    PDFium believes the number at the root of the tree. Where there is none it counts, so a copy
    without the numbers, otherwise as long, tells whether there are more.
    """
    uncounted, changes = bytearray(content), False
    for node in _PAGES.finditer(content):
        begin = content.rfind(b"obj", max(0, node.start() - _LONGEST_NODE), node.start())
        end = content.find(b"endobj", node.end(), node.end() + _LONGEST_NODE)
        span = content[begin:end] if 0 <= begin < end else b""
        if b"stream" in span:
            continue  # it is text in a page
        for count in _COUNT.finditer(span):
            uncounted[begin + count.start(1) : begin + count.end(1)] = b"0" * len(count[1])
            changes = True
    if not changes:
        return book
    try:
        other = pypdfium2.PdfDocument(bytes(uncounted))
    except pypdfium2.PdfiumError:
        return book
    return other if len(other) > len(book) else book


def _page(book: pypdfium2.PdfDocument, index: int, document: Document) -> str | None:
    try:
        page = book[index]
        found = page.get_textpage()
        # What lies off the page is not seen; where a page is all off, its frame is wrong.
        text = found.get_text_bounded(errors="replace") or found.get_text_range(errors="replace")
    except pypdfium2.PdfiumError:
        document.leave_out(f"page {index + 1}, which cannot be read")
        return None
    # PDFium puts a mark for the hyphen and the line break that part a word.
    text = text.replace("\r\n", "\n").replace("\x02", "-\n").replace("\ufffe", "-\n")
    parts = [text.strip("\n"), *values_on(page, book.formenv, document)]
    if not any(part.strip() for part in parts):
        why = "it is blank, a picture or damaged"
        document.leave_out(f"page {index + 1}, which has no text: {why}")
    page.close()
    return "\n".join(part for part in parts if part)
