"""DOCX, by python-docx."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import docx
from docx.oxml.ns import qn
from docx.text.paragraph import Paragraph

from app.tools.extraction.document import Document, lines

_PARAGRAPH, _TABLE, _CONTENT = qn("w:p"), qn("w:tbl"), qn("w:sdtContent")


def read(content: bytes, document: Document) -> None:
    """Read paragraphs and tables in their order; the cells of a row are parted by tabs."""
    found = docx.Document(BytesIO(content))
    told = found.core_properties
    document.describe(
        {
            "title": told.title,
            "author": told.author,
            "subject": told.subject,
            "keywords": told.keywords,
            "createdAt": told.created,
            "modifiedAt": told.modified,
        }
    )
    for line in lines(_blocks(found.element.body, found)):
        if not document.take(line):
            break


def _blocks(parent: Any, owner: Any) -> Iterator[str]:
    for child in parent:
        if child.tag == _PARAGRAPH:
            yield Paragraph(child, owner).text
        elif child.tag == _TABLE:
            # Each cell once, as it stands in the file: a cell may claim to span a million columns.
            for row in child.iterchildren(qn("w:tr")):
                cells = row.iterchildren(qn("w:tc"))
                yield "\t".join(" ".join(_blocks(cell, owner)).strip() for cell in cells)
        elif child.tag == qn("w:sdt"):
            for inner in child.iterchildren(_CONTENT):
                yield from _blocks(inner, owner)
