"""What the parts of Office documents have in common."""

from collections.abc import Iterable

from app.tools.extraction.document import Document
from app.tools.extraction.flow import Flow
from app.tools.extraction.markup import parse
from app.tools.extraction.package import Package, Relation

_OBJECTS = {
    "image": "a picture",
    "chart": "a chart",
    "chartEx": "a chart",
    "oleObject": "an embedded object",
    "package": "an embedded object",
    "control": "a form control",
    "video": "a video",
    "audio": "a sound",
    "subDocument": "a linked document",
    "comments": "the comments",
}


def leave_out_objects(relations: Iterable[Relation], document: Document) -> None:
    """Note the objects that a part shows and that are no text."""
    for found in relations:
        if found.kind in _OBJECTS:
            document.leave_out(_OBJECTS[found.kind])


def read_diagrams(package: Package, relations: Iterable[Relation], flow: Flow) -> None:
    """Read the words of SmartArt, which stand in parts of their own."""
    for found in relations:
        if found.kind == "diagramData" and found.part in package:
            flow.block()
            parse(package.read(found.part), Drawn(flow), found.part)
            flow.end()


class Drawn:
    """Reads DrawingML: paragraphs, line breaks and tables of slides, shapes and diagrams."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._in_text = 0
        self._hidden = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        if self._hidden or name == "Fallback":
            self._hidden += 1
        elif name == "t":
            self._in_text += 1
        elif name in ("p", "br"):
            self._flow.block()
        elif name == "tbl":
            self._flow.begin_table()
        elif name == "tr":
            self._flow.begin_row()
        elif name == "tc":
            self._flow.begin_cell()

    def end(self, name: str) -> None:
        """End an element."""
        if self._hidden:
            self._hidden -= 1
        elif name == "t":
            self._in_text -= 1
        elif name == "p":
            self._flow.block()
        elif name == "tbl":
            self._flow.end_table()

    def text(self, text: str) -> None:
        """Take characters."""
        if self._in_text and not self._hidden:
            self._flow.write(text)
