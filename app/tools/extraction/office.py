"""What the parts of Office documents have in common."""

from collections.abc import Iterable

from app.tools.extraction.document import Document
from app.tools.extraction.equations import Brackets
from app.tools.extraction.flow import Flow
from app.tools.extraction.markup import elements, parse
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
}


def leave_out_objects(package: Package, relations: Iterable[Relation], document: Document) -> None:
    """Record the objects that a part shows and that are no text."""
    for found in relations:
        if found.kind in _OBJECTS:
            document.leave_out(_OBJECTS[found.kind])
        elif found.kind == "comments" and _has_comments(package, found.part):
            document.leave_out("the comments")


def _has_comments(package: Package, part: str) -> bool:
    """Return whether there are comments; some programs write a part for none."""
    found = elements(package.read(part), part) if part in package else iter(())
    return any(name in ("comment", "cm") for name, _ in found)


def read_diagrams(package: Package, relations: Iterable[Relation], flow: Flow) -> None:
    """Read the text of SmartArt, which has separate parts."""
    for found in relations:
        if found.kind == "diagramData" and found.part in package:
            flow.block()
            parse(package.read(found.part), Drawn(flow), found.part)
            flow.end()


class Alternatives:
    """Forms of the same content (`mc:AlternateContent`): the first that gives words is read."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._before: list[int] = []

    def begin(self) -> None:
        """Begin a group of forms."""
        self._before.append(self._flow.written)

    def end(self) -> None:
        """End the innermost group."""
        if self._before:
            self._before.pop()

    def has_been_read(self, name: str) -> bool:
        """Return whether an element is a form of content that has been read already."""
        is_form = name in ("Choice", "Fallback") and bool(self._before)
        return is_form and self._flow.written > self._before[-1]


class Drawn:
    """Reads DrawingML: paragraphs, line breaks and tables of slides, shapes and diagrams."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._in_text = 0
        self._hidden = 0
        self._forms = Alternatives(flow)
        self._brackets = Brackets(flow)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        if not self._hidden:
            self._brackets.start(name, attributes)
        if self._hidden or self._forms.has_been_read(name):
            self._hidden += 1
        elif name == "AlternateContent":
            self._forms.begin()
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
        elif name == "AlternateContent":
            self._forms.end()
        elif name == "t":
            self._in_text -= 1
        elif name == "p":
            self._flow.block()
        elif name == "tbl":
            self._flow.end_table()
        if not self._hidden:
            self._brackets.end(name)

    def text(self, text: str) -> None:
        """Take characters."""
        if self._in_text and not self._hidden:
            self._flow.write(text)
