"""DOCX and its relatives: whatever holds text is entered, unless it is known not to be shown."""

from collections.abc import Callable

from app.tools.extraction.document import Document
from app.tools.extraction.flow import Flow
from app.tools.extraction.markup import parse
from app.tools.extraction.office import leave_out_objects, read_diagrams
from app.tools.extraction.package import Package
from app.tools.extraction.symbols import symbol

_NOT_SHOWN = frozenset({"del", "moveFrom", "pPr", "rPr", "tblPr", "trPr", "tcPr", "sdtPr"})
_INLINE = {"tab": "\t", "ptab": "\t", "noBreakHyphen": "-", "den": "/"}
_OFF = frozenset({"0", "false", "off"})


def read(content: bytes, document: Document) -> None:
    """Read headers, body, notes and footers; the cells of a row are parted by tabs."""
    package = Package(content)
    document.describe(package.properties())
    main = package.main_part()
    by_kind: dict[str, list[str]] = {}
    for item in package.relations(main):
        by_kind.setdefault(item.kind, []).append(item.part)
    after = [part for kind in ("footnotes", "endnotes", "footer") for part in by_kind.get(kind, ())]
    flow = Flow(document)
    for part in (*by_kind.get("header", ()), main, *after):
        if part == main or part in package:
            _read_part(package, part, document, flow)
        else:
            document.leave_out(f"the part {part}, which is missing")


def _read_part(package: Package, part: str, document: Document, flow: Flow) -> None:
    related = package.relations(part)
    chunks = {item.id: item.part for item in related if item.kind == "aFChunk"}

    def read_chunk(id_: str) -> None:
        place = chunks.get(id_, "")
        if place in package:
            flow.end()
            document.include(package.read(place), package.content_type(place), place)
        else:
            document.leave_out("an inserted part, which is missing")

    parse(package.read(part), _Words(document, flow, read_chunk), part)
    flow.end()
    read_diagrams(package, related, flow)
    leave_out_objects(related, document)


class _Words:
    """Reads WordprocessingML of either edition."""

    def __init__(self, document: Document, flow: Flow, read_chunk: Callable[[str], None]) -> None:
        self._document = document
        self._flow = flow
        self._read_chunk = read_chunk
        self._hidden = 0
        self._in_text = 0
        self._choices: list[int] = []
        self._reading: list[str] = []
        self._in_reading = False
        self._field: _FormField | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        if self._hidden or name in _NOT_SHOWN or self._is_another_form(name):
            self._hidden += 1
            return
        if self._field is not None:
            self._field.property(name, attributes)
            return
        match name:
            case "t":
                self._in_text += 1
            case "p" | "br" | "cr":
                self._flow.block()
            case "tbl":
                self._flow.begin_table()
            case "tr":
                self._flow.begin_row()
            case "tc":
                self._flow.begin_cell()
            case "AlternateContent":
                self._choices.append(0)
            case "ffData":
                self._field = _FormField()
            case "rt":
                self._in_reading = True
            case _:
                self._other(name, attributes)

    def end(self, name: str) -> None:
        """End an element."""
        if self._hidden:
            self._hidden -= 1
            return
        match name:
            case "t":
                self._in_text -= 1
            case "p":
                self._flow.paragraph_end()
            case "tbl":
                self._flow.end_table()
            case "AlternateContent":
                self._choices.pop()
            case "ffData" if self._field is not None:
                self._flow.write(self._field.shown())
                self._field = None
            case "rt":
                self._in_reading = False
            case "ruby" if self._reading:
                self._flow.write(f"({''.join(self._reading)})")
                self._reading.clear()

    def text(self, text: str) -> None:
        """Take characters."""
        if self._hidden or not self._in_text:
            return
        if self._in_reading:
            self._reading.append(text)
        else:
            self._flow.write(text)

    def _is_another_form(self, name: str) -> bool:
        """Say whether the same content has been read in the form that came first."""
        if name not in ("Choice", "Fallback") or not self._choices:
            return False
        self._choices[-1] += 1
        return self._choices[-1] > 1

    def _other(self, name: str, attributes: dict[str, str]) -> None:
        if name in _INLINE:
            self._flow.write(_INLINE[name])
        elif name == "altChunk":
            self._read_chunk(attributes.get("r:id", ""))
        elif name == "sym":
            self._symbol(attributes.get("font", ""), attributes.get("char", ""))

    def _symbol(self, font: str, code: str) -> None:
        try:
            found = symbol(font, int(code, 16))
        except ValueError:
            found = None
        if found is None:
            self._document.leave_out(f"a symbol of the font {font[:50]}")
        self._flow.write(found or "\ufffd")


class _FormField:
    """A form field of old, whose state stands in its properties and not in the text."""

    def __init__(self) -> None:
        self._kind = ""
        self._entries: list[str] = []
        self._state: dict[str, str] = {}

    def property(self, name: str, attributes: dict[str, str]) -> None:
        """Note a property."""
        if name in ("checkBox", "ddList"):
            self._kind = name
        elif name == "listEntry":
            self._entries.append(attributes.get("val", ""))
        else:
            self._state[name] = attributes.get("val", "1").lower()

    def shown(self) -> str:
        """Return what is seen of it."""
        if self._kind == "checkBox":
            state = self._state.get("checked", self._state.get("default", "0"))
            return "\u2610" if state in _OFF else "\u2611"
        picked = self._state.get("result", self._state.get("default", "0"))
        is_there = picked.isdecimal() and int(picked) < len(self._entries)
        return self._entries[int(picked)] if is_there else ""
