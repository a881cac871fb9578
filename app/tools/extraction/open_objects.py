"""What frames in OpenDocument show that is no text, and formulas, which are separate documents."""

from app.tools.extraction.document import DocumentFailure
from app.tools.extraction.flow import Flow
from app.tools.extraction.markup import elements, parse
from app.tools.extraction.package import Package
from app.tools.extraction.page_formulas import Formulas

_OBJECTS = {
    "image": "a picture",
    "object": "an embedded object",
    "object-ole": "an embedded object",
    "plugin": "an embedded object",
    "annotation": "a comment",
}
_CONTENTS = frozenset({"image", "object", "object-ole", "plugin", "table", "text-box"})


class Frames:
    """Frames, of whose contents the first is shown: the others are pictures of it."""

    def __init__(self) -> None:
        self._filled: list[bool] = []

    def start(self, name: str, around: str) -> str:
        """Begin an element; return what it shows that is no text, "" if nothing."""
        if name == "frame":
            self._filled.append(False)
        elif around == "frame" and name in _CONTENTS and self._filled:
            is_again, self._filled[-1] = self._filled[-1], True
            if is_again:
                return ""
        if name == "annotation" and around == "semantics":
            return ""  # the source of a formula
        return _OBJECTS.get(name, "")

    def end(self, name: str) -> None:
        """End an element."""
        if name == "frame" and self._filled:
            self._filled.pop()


def read_formula(package: Package, part: str, flow: Flow) -> bool:
    """Read an object that is a formula; return whether it is one."""
    if part not in package:
        return False
    content = package.read(part)
    try:
        name = next((name for name, _ in elements(content, part)), "")
        if name == "math":
            parse(content, _Formula(flow), part)
    except DocumentFailure:
        return False
    return name == "math"


class _Formula:
    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._formulas = Formulas(flow)
        self._hidden = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self._hidden or self._formulas.hides(name):
            self._hidden += 1
        else:
            self._formulas.start(name)

    def end(self, name: str) -> None:
        if self._hidden:
            self._hidden -= 1
        else:
            self._formulas.end(name)

    def text(self, text: str) -> None:
        if not self._hidden:
            self._flow.write_collapsed(text)
