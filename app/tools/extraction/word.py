"""DOCX and its relatives: whatever holds text is entered, unless it is known not to be shown."""

import re
from collections.abc import Callable

from app.tools.extraction.document import Document
from app.tools.extraction.equations import Brackets
from app.tools.extraction.field_formulas import shown_by
from app.tools.extraction.flow import Flow
from app.tools.extraction.markup import parse
from app.tools.extraction.office import Alternatives, leave_out_objects, read_diagrams
from app.tools.extraction.package import Package
from app.tools.extraction.symbols import symbol
from app.tools.extraction.word_parts import Fields, FormField

_NOT_SHOWN = frozenset({"del", "moveFrom", "pPr", "rPr", "tblPr", "trPr", "tcPr", "sdtPr"})
_WIDTHS = frozenset({"gridSpan", "gridBefore"})
_MOST_COLUMNS = 256
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_INLINE = {"tab": "\t", "ptab": "\t", "noBreakHyphen": "-"}
_DELETED = {
    ("pPr", 2): frozenset({"del", "moveFrom"}),
    ("trPr", 1): frozenset({"del"}),
    ("tcPr", 1): frozenset({"cellDel"}),
}
"""What says, so deep within the properties of an element, that the element was deleted."""


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
    for part in dict.fromkeys((*by_kind.get("header", ()), main, *after)):
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

    source = package.read(part)
    parse(source, _Words(document, flow, read_chunk, Fields(source)), part)
    flow.end()
    read_diagrams(package, related, flow)
    leave_out_objects(package, related, document)


class _Words:
    """Reads WordprocessingML of either edition."""

    def __init__(
        self, document: Document, flow: Flow, read_chunk: Callable[[str], None], fields: Fields
    ) -> None:
        self._document = document
        self._flow = flow
        self._read_chunk = read_chunk
        self._hidden = 0
        self._hidden_by = ""
        self._is_deleted = False
        self._in_text = 0
        self._is_instruction = False
        self._font = ""
        self._forms = Alternatives(flow)
        self._fields = fields
        self._brackets = Brackets(flow)
        self._ends: list[bool] = []
        self._is_joined = False
        self._reading: list[str] = []
        self._in_reading = False
        self._field: FormField | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        if self._hidden or name in _NOT_SHOWN or self._forms.has_been_read(name):
            self._hide(name, attributes)
            return
        if self._field is not None:
            self._field.property(name, attributes)
            return
        self._brackets.start(name, attributes)
        match name:
            case "t":
                self._in_text += 1
            case "instrText":
                self._is_instruction = True
            case "r":
                self._font = ""
            case "p":
                if not self._is_joined:
                    self._flow.block()
                self._is_joined = False
                self._ends.append(True)
            case "AlternateContent":
                self._forms.begin()
            case "ffData":
                self._field = FormField()
            case "rt":
                self._in_reading = True
            case _:
                self._other(name, attributes)

    def end(self, name: str) -> None:
        """End an element."""
        if self._hidden:
            self._show_again(name)
            return
        match name:
            case "t":
                self._in_text -= 1
            case "instrText":
                self._is_instruction = False
            case "p":
                self._is_joined = not self._ends.pop()
                if not self._is_joined:
                    self._flow.paragraph_end()
            case "tbl":
                self._flow.end_table()
            case "AlternateContent":
                self._forms.end()
            case "ffData" if self._field is not None:
                self._flow.write(self._field.shown())
                self._field = None
            case "rt":
                self._in_reading = False
            case "ruby" if self._reading:
                self._flow.write(f"({''.join(self._reading)})")
                self._reading.clear()
        if self._field is None:
            self._brackets.end(name)

    def text(self, text: str) -> None:
        """Take characters."""
        if self._is_instruction and not self._hidden:
            self._fields.instruct(text)
        if self._hidden or not self._in_text or self._fields.is_instruction:
            return
        if _PRIVATE.search(text):
            text = _PRIVATE.sub(lambda found: self._drawn(self._font, ord(found[0])), text)
        if self._in_reading:
            self._reading.append(text)
        else:
            self._flow.write(text)

    def _hide(self, name: str, attributes: dict[str, str]) -> None:
        if name == "rFonts" and self._hidden_by == "rPr":
            self._font = attributes.get("ascii") or attributes.get("hAnsi", "")
        if not self._hidden:
            self._hidden_by = name
        elif name in _DELETED.get((self._hidden_by, self._hidden), ()):
            self._is_deleted = True
        elif name in _WIDTHS:
            self._widen(name, attributes.get("val", ""))
        self._hidden += 1

    def _widen(self, name: str, columns: str) -> None:
        """Keep what follows in its column."""
        count = min(int(columns), _MOST_COLUMNS) if columns.isdecimal() else 0
        if name == "gridSpan":
            self._flow.span(count, 1)
        else:
            for _ in range(count):
                self._flow.begin_cell()

    def _show_again(self, name: str) -> None:
        self._hidden -= 1
        if self._hidden or not self._is_deleted:
            return
        self._is_deleted = False
        if name == "pPr":  # the paragraph mark is deleted: the next paragraph continues the line
            self._ends[-1:] = [False]
        else:
            self._hidden, self._hidden_by = 1, ""

    def _other(self, name: str, attributes: dict[str, str]) -> None:
        if name in ("br", "cr"):
            self._flow.block()
        elif name == "tbl":
            self._flow.begin_table()
        elif name == "tr":
            self._flow.begin_row()
        elif name == "tc":
            self._flow.begin_cell()
        elif name in _INLINE:
            self._flow.write(_INLINE[name])
        elif name == "fldChar":
            self._flow.write(self._fields.mark(attributes.get("fldCharType", "")))
        elif name == "fldSimple":
            self._flow.write(shown_by(attributes.get("instr", "")))
        elif name == "textpath" and attributes.get("string"):
            self._flow.block()
            self._flow.write(attributes["string"])
        elif name == "altChunk":
            self._read_chunk(attributes.get("r:id", ""))
        elif name == "sym":
            self._symbol(attributes.get("font", ""), attributes.get("char", ""))

    def _symbol(self, font: str, code: str) -> None:
        try:
            self._flow.write(self._drawn(font, int(code, 16)))
        except ValueError:
            self._flow.write(self._drawn(font, 0xE000))

    def _drawn(self, font: str, code: int) -> str:
        found = symbol(font, code)
        if found is None:
            self._document.leave_out(f"a symbol of the font {font[:50] or 'unknown'}")
        return found or "\ufffd"
