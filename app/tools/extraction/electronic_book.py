"""EPUB: the chapters in the order in which they are read."""

import posixpath
import re
from urllib.parse import unquote

from app.tools.extraction.charsets import declared_charset, decoded
from app.tools.extraction.document import Document, DocumentFailure, damaged, encrypted
from app.tools.extraction.flow import Flow
from app.tools.extraction.markup import Leaves, elements, parse
from app.tools.extraction.package import Package
from app.tools.extraction.web_page import write_page

_BEGINS, _ENDS = re.compile(r"<html\b", re.IGNORECASE), re.compile(r"</html\s*>", re.IGNORECASE)
_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"


def read(content: bytes, document: Document) -> None:
    """Read every chapter of the book's spine."""
    package = Package(content)
    roots = elements(package.read(_CONTAINER), _CONTAINER)
    place = next((found.get("full-path", "") for name, found in roots if name == "rootfile"), "")
    opened = package.read(place)
    metadata = Leaves()
    parse(opened, metadata, place)
    document.describe(
        {
            "title": metadata.found.get("title"),
            "author": metadata.found.get("creator"),
            "subject": metadata.found.get("subject"),
            "createdAt": metadata.found.get("date"),
        }
    )
    chapters = _chapters(opened, place)
    if not chapters:
        raise damaged("it names no chapters")
    locked = _locked(package)
    flow = Flow(document, cell_break="\n")
    for chapter in chapters:
        if chapter.lower() in locked:
            raise encrypted()
        if chapter not in package:
            document.leave_out(f"the chapter {chapter}, which is missing")
            continue
        try:
            page = package.read(chapter)
        except DocumentFailure as failure:
            document.leave_out(f"the chapter {chapter}: {failure}")
            continue
        text = decoded(page, declared_charset(page))[0]
        if not page.strip() or (_BEGINS.search(text) and not _ENDS.search(text)):
            document.leave_out(f"the end of the chapter {chapter}, which is cut off")
        write_page(text, document, flow)


def _chapters(opened: bytes, place: str) -> list[str]:
    items: dict[str, str] = {}
    spine: list[str] = []
    for name, found in elements(opened, place):
        if name == "item":
            items[found.get("id", "")] = found.get("href", "")
        elif name == "itemref":
            spine.append(found.get("idref", ""))
    folder = posixpath.dirname(place)
    return [
        posixpath.normpath(posixpath.join(folder, unquote(items[id_].partition("#")[0])))
        for id_ in spine
        if id_ in items
    ]


def _locked(package: Package) -> set[str]:
    """Return the parts that are encrypted; fonts often are, and chapters then are not."""
    if _ENCRYPTION not in package:
        return set()
    found = elements(package.read(_ENCRYPTION), _ENCRYPTION)
    return {unquote(has.get("URI", "")).lower() for name, has in found if name == "CipherReference"}
