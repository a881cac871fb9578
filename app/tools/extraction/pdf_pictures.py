"""The pictures on a page of a PDF, of which some are scans."""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

_DEEPEST = 20
_MOST_OBJECTS = 100_000
_FILLS = 0.5
_INVISIBLE = 3


@dataclass(slots=True)
class Pictures:
    """What was found on a page.

    Attributes:
        count: How many pictures there are.
        scans: How many of them fill the page, and have no invisible words that say what they show.
    """

    count: int = 0
    scans: int = 0


def pictures_on(page: pypdfium2.PdfPage) -> Pictures:
    """Return how many pictures a page has."""
    width, height = page.get_size()
    found = Pictures()
    is_recognised = False
    for item in _objects(page):
        kind = pdfium.FPDFPageObj_GetType(item)
        if kind == pdfium.FPDF_PAGEOBJ_TEXT:
            is_recognised |= pdfium.FPDFTextObj_GetTextRenderMode(item) == _INVISIBLE
        elif kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            found.count += 1
            found.scans += _area(item) > _FILLS * width * height
    if is_recognised:
        found.scans = 0
    return found


def _objects(page: pypdfium2.PdfPage) -> Iterator[Any]:
    """Return what is drawn, also by forms, which may hold forms."""
    count = min(pdfium.FPDFPage_CountObjects(page), _MOST_OBJECTS)
    left = [(pdfium.FPDFPage_GetObject(page, at), 0) for at in range(count)]
    seen = 0
    while left and seen < _MOST_OBJECTS:
        item, depth = left.pop()
        seen += 1
        if pdfium.FPDFPageObj_GetType(item) == pdfium.FPDF_PAGEOBJ_FORM and depth < _DEEPEST:
            inner = min(pdfium.FPDFFormObj_CountObjects(item), _MOST_OBJECTS)
            left += [(pdfium.FPDFFormObj_GetObject(item, at), depth + 1) for at in range(inner)]
        else:
            yield item


def _area(item: Any) -> float:
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    pdfium.FPDFPageObj_GetBounds(item, left, bottom, right, top)
    return (right.value - left.value) * (top.value - bottom.value)
