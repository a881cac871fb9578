"""PDF, by PDFium."""

import re

import pypdfium2
import pypdfium2.raw as pdfium

from app.tools.extraction.document import Document, damaged, encrypted
from app.tools.extraction.pdf_form import values_on
from app.tools.extraction.pdf_layers import has_layers_of_forms, hide_layers
from app.tools.extraction.pdf_page import words_of
from app.tools.extraction.pdf_pictures import pictures_on
from app.tools.extraction.pdf_stamps import words_of_stamps
from app.tools.extraction.pdf_xfa import values_of

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
    for index in range(book.count_attachments()):
        name = book.get_attachment(index).get_name()[:100]
        document.leave_out(f"the attached file {name}" if name else "an attached file")
    wanted = min(document.pages, document.limits.max_pages)
    document.truncated = wanted < document.pages
    also_forms = has_layers_of_forms(content)
    bad_pages = 0
    for index in range(wanted):
        text = _page(book, index, document, also_forms=also_forms)
        bad_pages += text is None
        document.take(f"{text or ''}\n\n")
    if bad_pages == wanted:
        raise damaged("none of its pages can be read")
    if book.get_formtype() in _XFA:
        _read_xfa(book, document)


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


def _read_xfa(book: pypdfium2.PdfDocument, document: Document) -> None:
    """Read the values of a form in XFA that the fields of its pages do not have as well."""
    document.leave_out("the form in XFA, beside its values and the pages of PDF")
    for line in values_of(book):
        if line.partition(": ")[2] not in document.text:
            document.take(f"{line}\n")


def _page(
    book: pypdfium2.PdfDocument, index: int, document: Document, *, also_forms: bool
) -> str | None:
    number = index + 1
    try:
        page = book[index]
        hide_layers(page, number, document, also_forms=also_forms)
        words = words_of(page, number, document)
    except pypdfium2.PdfiumError:
        document.leave_out(f"page {number}, which cannot be read")
        return None
    pictures = pictures_on(page)
    parts = [words, *values_on(page, book.formenv, document)]
    has_annotations = bool(pdfium.FPDFPage_GetAnnotCount(page))
    page.close()
    if has_annotations:
        parts.append(words_of_stamps(book, index, words, document))
    if not any(part.strip() for part in parts):
        why = "a picture, such as a scan" if pictures.count else "blank, drawn or damaged"
        document.leave_out(f"page {number}, which has no text: it is {why}")
    elif pictures.scans:
        document.leave_out(
            f"a picture that fills page {number}; if it is a scan, words are missing"
        )
    if any(part.strip() for part in parts) and pictures.count > pictures.scans:
        document.leave_out("a picture", pictures.count - pictures.scans)
    return "\n".join(part for part in parts if part)
