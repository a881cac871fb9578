"""Stamps and signatures of a PDF, whose words are drawn and stand in no field."""

from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from app.tools.extraction.document import Document


def words_of_stamps(book: pypdfium2.PdfDocument, index: int, words: str, document: Document) -> str:
    """Return the words of the stamps and signatures of a page that has `words` of its own.

    They are drawn onto the page of the copy in memory, where they follow its own words.
    """
    page = book[index]
    stamps = 0
    for at in reversed(range(pdfium.FPDFPage_GetAnnotCount(page))):
        annotation = pdfium.FPDFPage_GetAnnot(page, at)
        is_drawn = bool(annotation) and _is_stamp(annotation, book.formenv)
        pdfium.FPDFPage_CloseAnnot(annotation)
        stamps += is_drawn
        if not is_drawn:
            pdfium.FPDFPage_RemoveAnnot(page, at)
    if not stamps:
        return ""
    before = _text(page)
    pdfium.FPDFPage_Flatten(page, pdfium.FLAT_NORMALDISPLAY)
    page.close()
    after = _text(book[index])
    found = after.removeprefix(before).replace("\r\n", "\n").strip()
    if not found or not after.startswith(before):
        document.leave_out("a stamp or a signature", stamps)
        return ""
    return "" if found in words else found


def _text(page: pypdfium2.PdfPage) -> str:
    return str(page.get_textpage().get_text_range(errors="replace"))


def _is_stamp(annotation: Any, form: Any) -> bool:
    kind = pdfium.FPDFAnnot_GetSubtype(annotation)
    if kind == pdfium.FPDF_ANNOT_STAMP:
        return True
    if kind != pdfium.FPDF_ANNOT_WIDGET or not form:
        return False
    field = pdfium.FPDFAnnot_GetFormFieldType(form, annotation)
    return bool(field == pdfium.FPDF_FORMFIELD_SIGNATURE)
