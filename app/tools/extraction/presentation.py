"""PPTX and its relatives: the slides in their order, each with its notes."""

from app.tools.extraction.document import Document
from app.tools.extraction.flow import Flow
from app.tools.extraction.markup import elements, parse
from app.tools.extraction.office import Drawn, leave_out_objects, read_diagrams
from app.tools.extraction.package import Package


def read(content: bytes, document: Document) -> None:
    """Read the words of slides, shapes, tables, diagrams and notes, not those of the layout."""
    package = Package(content)
    document.describe(package.properties())
    main = package.main_part()
    places = {item.id: item.part for item in package.relations(main)}
    slides = [
        places.get(found.get("r:id", ""), "")
        for name, found in elements(package.read(main), main)
        if name == "sldId"
    ]
    document.pages = len(slides)
    if len(slides) > document.limits.max_pages:
        document.truncated = True
    flow = Flow(document)
    for number, slide in enumerate(slides[: document.limits.max_pages], 1):
        if slide in package:
            _read_slide(package, slide, document, flow)
        else:
            document.leave_out(f"slide {number}, which is missing")


def _read_slide(package: Package, slide: str, document: Document, flow: Flow) -> None:
    related = package.relations(slide)
    parse(package.read(slide), Drawn(flow), slide)
    flow.end()
    read_diagrams(package, related, flow)
    for item in related:
        if item.kind == "notesSlide" and item.part in package:
            parse(package.read(item.part), Drawn(flow), item.part)
            flow.end()
    flow.end_line()
    leave_out_objects(package, related, document)
