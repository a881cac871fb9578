"""Layers of a PDF (optional content) that are switched off: what no reader of the page sees.

PDFium's text has their words as well. Its drawing leaves them out, with all rules of the format for
what is on, so each layer of a page is drawn alone: one that leaves no trace is off.
"""

import ctypes
import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import pypdfium2
import pypdfium2.raw as pdfium

from app.tools.extraction.document import Document

_DEEPEST = 20
_MOST_OBJECTS = 100_000
_MOST_LAYERS = 40
_LONGEST_SIDE = 2_000
_LONGEST_NAME = 200
_INVISIBLE = (pdfium.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium.FPDF_TEXTRENDERMODE_CLIP)
_OF_A_FORM = re.compile(rb"/OC(\s+\d+\s+\d+\s+R|\s*<<)")

_Layer: TypeAlias = tuple[str | int, ...]
"""What tells a layer from others on its page: the names of its marks, or where they are kept."""


def has_layers_of_forms(content: bytes) -> bool:
    """Return whether a form, an image or an annotation belongs to a layer as a whole."""
    return _OF_A_FORM.search(content) is not None


def hide_layers(
    page: pypdfium2.PdfPage, number: int, document: Document, *, also_forms: bool
) -> None:
    """Deactivate the words of layers that are off, and name the layers as left out."""
    layers: dict[_Layer, list[Any]] = {}
    others: list[Any] = []
    for item, layer in _drawn(page, also_forms=also_forms):
        is_text = pdfium.FPDFPageObj_GetType(item) == pdfium.FPDF_PAGEOBJ_TEXT
        (layers.setdefault(layer, []) if layer and is_text else others).append(item)
    if not layers:
        return
    alone = [item for items in layers.values() for item in items]
    _activate([*others, *alone], is_active=False)
    hidden = [layer for layer in list(layers)[:_MOST_LAYERS] if not _is_seen(page, layers[layer])]
    _activate([*others, *alone], is_active=True)
    for layer in hidden:
        _activate(layers[layer], is_active=False)
        name = next((part for part in layer if isinstance(part, str)), "")
        document.leave_out(f"the hidden layer {name} of page {number}".replace("  ", " "))


def _drawn(page: pypdfium2.PdfPage, *, also_forms: bool) -> Iterator[tuple[Any, _Layer]]:
    """Return what is drawn, also by forms, each with its layer."""
    count = min(pdfium.FPDFPage_CountObjects(page), _MOST_OBJECTS)
    left: list[tuple[Any, _Layer, int]] = [
        (pdfium.FPDFPage_GetObject(page, at), (), 0) for at in range(count)
    ]
    seen = 0
    while left and seen < _MOST_OBJECTS:
        item, around, depth = left.pop()
        seen += 1
        layer = (*around, *_marks(item))
        if pdfium.FPDFPageObj_GetType(item) == pdfium.FPDF_PAGEOBJ_FORM and depth < _DEEPEST:
            if also_forms:
                layer = (*layer, _address(item))
            inner = min(pdfium.FPDFFormObj_CountObjects(item), _MOST_OBJECTS)
            left += [
                (pdfium.FPDFFormObj_GetObject(item, at), layer, depth + 1) for at in range(inner)
            ]
        else:
            yield item, layer


def _marks(item: Any) -> Iterator[str | int]:
    """Return the layers with which an object is marked, by name where they have one."""
    for at in range(pdfium.FPDFPageObj_CountMarks(item)):
        mark = pdfium.FPDFPageObj_GetMark(item, at)
        if _text(pdfium.FPDFPageObjMark_GetName, mark) == "OC":
            yield _text(pdfium.FPDFPageObjMark_GetParamStringValue, mark, b"Name") or _address(mark)


def _text(get: Any, *given: Any) -> str:
    buffer = ctypes.create_string_buffer(2 * _LONGEST_NAME)
    size = ctypes.c_ulong()
    get(*given, ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), len(buffer), size)
    return buffer.raw[: size.value].decode("utf-16-le", "replace").rstrip("\0")


def _address(pointer: Any) -> int:
    return ctypes.addressof(pointer.contents)


def _activate(items: Iterable[Any], *, is_active: bool) -> None:
    for item in items:
        pdfium.FPDFPageObj_SetIsActive(item, is_active)


def _is_seen(page: pypdfium2.PdfPage, items: list[Any]) -> bool:
    """Return whether anything is drawn when only these words are."""
    modes = [pdfium.FPDFTextObj_GetTextRenderMode(item) for item in items]
    for item, mode in zip(items, modes, strict=True):
        if mode in _INVISIBLE:  # words behind a scan leave no trace by themselves
            pdfium.FPDFTextObj_SetTextRenderMode(item, pdfium.FPDF_TEXTRENDERMODE_FILL)
    _activate(items, is_active=True)
    is_seen = _leaves_a_trace(page)
    _activate(items, is_active=False)
    for item, mode in zip(items, modes, strict=True):
        if mode in _INVISIBLE:
            pdfium.FPDFTextObj_SetTextRenderMode(item, mode)
    return is_seen


def _leaves_a_trace(page: pypdfium2.PdfPage) -> bool:
    scale = min(1.0, _LONGEST_SIDE / max(*page.get_size(), 1.0))
    width, height = (max(1, int(side * scale)) for side in page.get_size())
    drawn = pypdfium2.PdfBitmap.new_native(width, height, pdfium.FPDFBitmap_BGRA)
    drawn.fill_rect((0, 0, 0, 0), 0, 0, width, height)
    pdfium.FPDF_RenderPageBitmap(drawn, page, 0, 0, width, height, 0, 0)
    opacity = bytes(drawn.buffer)[3::4]
    drawn.close()
    return any(opacity)
