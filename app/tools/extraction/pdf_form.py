"""What was filled in on a page of a PDF: it stands beside the page, not in its text."""

import ctypes
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from app.tools.extraction.document import Document

_PASSWORD = 1 << 13
_CHOICES = (pdfium.FPDF_FORMFIELD_COMBOBOX, pdfium.FPDF_FORMFIELD_LISTBOX)
_MARKS = (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON)
_MOST_OPTIONS = 10_000


_COMMENTS = frozenset({
    pdfium.FPDF_ANNOT_TEXT, pdfium.FPDF_ANNOT_HIGHLIGHT, pdfium.FPDF_ANNOT_UNDERLINE,
    pdfium.FPDF_ANNOT_SQUIGGLY, pdfium.FPDF_ANNOT_STRIKEOUT, pdfium.FPDF_ANNOT_STAMP,
    pdfium.FPDF_ANNOT_CARET, pdfium.FPDF_ANNOT_INK, pdfium.FPDF_ANNOT_LINE,
    pdfium.FPDF_ANNOT_SQUARE, pdfium.FPDF_ANNOT_CIRCLE, pdfium.FPDF_ANNOT_POLYGON,
    pdfium.FPDF_ANNOT_POLYLINE,
})  # fmt: skip


def values_on(page: pypdfium2.PdfPage, form: Any, document: Document) -> Iterator[str]:
    """Return a line for each field with a value, and the words of notes that lie on the page."""
    for index in range(pdfium.FPDFPage_GetAnnotCount(page)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        kind = pdfium.FPDFAnnot_GetSubtype(annotation)
        if kind == pdfium.FPDF_ANNOT_FREETEXT:
            yield _string(annotation, b"Contents")
        elif kind == pdfium.FPDF_ANNOT_WIDGET:
            yield _field(annotation, form) if form else _string(annotation, b"V")
        elif kind == pdfium.FPDF_ANNOT_FILEATTACHMENT:
            document.leave_out("an attached file")
        elif kind in _COMMENTS and _string(annotation, b"Contents").strip():
            document.leave_out("a comment")
        pdfium.FPDFPage_CloseAnnot(annotation)


def _string(annotation: Any, key: bytes) -> str:
    return _text(partial(pdfium.FPDFAnnot_GetStringValue, annotation, key))


def _field(annotation: Any, form: Any) -> str:
    kind = pdfium.FPDFAnnot_GetFormFieldType(form, annotation)

    def text_of(ask: Any) -> str:
        return _text(partial(ask, form, annotation))

    if kind in _MARKS:
        is_checked = pdfium.FPDFAnnot_IsChecked(form, annotation)
        value = text_of(pdfium.FPDFAnnot_GetFormFieldExportValue) if is_checked else ""
    elif kind in _CHOICES:
        value = ", ".join(_picked(annotation, form)) or text_of(pdfium.FPDFAnnot_GetFormFieldValue)
    elif kind == pdfium.FPDF_FORMFIELD_TEXTFIELD:
        is_secret = pdfium.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD
        value = "" if is_secret else text_of(pdfium.FPDFAnnot_GetFormFieldValue)
    elif kind == pdfium.FPDF_FORMFIELD_UNKNOWN:  # the document lists no fields
        value = _string(annotation, b"V")
    else:
        value = ""
    if not value.strip():
        return ""
    alternate = text_of(pdfium.FPDFAnnot_GetFormFieldAlternateName)
    name = alternate or text_of(pdfium.FPDFAnnot_GetFormFieldName)
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    return f"{name}: {value}" if name else value


def _picked(annotation: Any, form: Any) -> Iterator[str]:
    count = pdfium.FPDFAnnot_GetOptionCount(form, annotation)
    for index in range(min(count, _MOST_OPTIONS)):
        if pdfium.FPDFAnnot_IsOptionSelected(form, annotation, index):
            yield _text(partial(pdfium.FPDFAnnot_GetOptionLabel, form, annotation, index))


def _text(ask: Callable[[Any, int], int]) -> str:
    """Return a text in UTF-16 that PDFium writes into a buffer of the size that it asks for."""
    size = ask(None, 0)
    buffer = ctypes.create_string_buffer(size)
    ask(ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size)
    return buffer.raw.decode("utf-16-le", "replace").rstrip("\0")
