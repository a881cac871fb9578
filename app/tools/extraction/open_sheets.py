"""OpenDocument spreadsheets, row by row: what is repeated a million times costs nothing."""

from app.tools.extraction.document import MOST_ROWS, Document, Sheet
from app.tools.extraction.markup import parse
from app.tools.extraction.open_document import metadata_of, refuse_encrypted
from app.tools.extraction.open_objects import Frames
from app.tools.extraction.package import Package

_NUMBERS = frozenset({"float", "percentage", "currency"})
_NOT_VALUES = frozenset({"annotation", "tracked-changes", "title", "desc", "binary-data"})
_MOST_COLUMNS = 16_384


def read(content: bytes, document: Document) -> None:
    """Read the values of every sheet; of formulas, the results that were saved with them."""
    package = Package(content)
    refuse_encrypted(package)
    document.describe(metadata_of(package))
    document.sheets = []
    parse(package.read("content.xml"), _Cells(document, document.sheets), "content.xml")


def read_flat(content: bytes, document: Document) -> None:
    """Read a spreadsheet that is one XML document."""
    document.sheets = []
    cells = _Cells(document, document.sheets, within="spreadsheet")
    parse(content, cells, "the document")


class _Cells:
    """Reads cells; what stands in shapes beside them becomes text after the rows."""

    def __init__(self, document: Document, sheets: list[Sheet], within: str = "") -> None:
        self._document = document
        self._within = within
        self._is_within = not within
        self._sheets = sheets
        self._tables = 0
        self._is_full = False
        self._empty_rows = 0
        self._row: list[object] = []
        self._row_count = 1
        self._column = 0
        self._cell: dict[str, str] | None = None
        self._text: list[str] = []
        self._beside: list[str] = []
        self._paragraphs = 0
        self._hidden = 0
        self._frames = Frames()
        self._around: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        if not self._is_within:
            self._is_within = name == self._within
            return
        what = self._frames.start(name, self._around[-1] if self._around else "")
        self._around.append(name)
        if what and not self._hidden:
            self._document.leave_out(what)
        if self._hidden or name in _NOT_VALUES:
            self._hidden += 1
            return
        match name:
            case "table":
                self._tables += 1
                if self._tables == 1:
                    self._begin_sheet(attributes.get("name", ""))
            case "table-row":
                self._row, self._column = [], 0
                self._row_count = _count(attributes.get("number-rows-repeated", ""))
            case "table-cell" | "covered-table-cell":
                self._cell, self._text = attributes, []
            case "p":
                self._paragraphs += 1
                if self._words():
                    self._words().append("\n")
            case "s":
                self._words().append(" " * min(_count(attributes.get("c", "")), 1_000))
            case "tab" | "line-break":
                self._words().append("\t" if name == "tab" else "\n")

    def end(self, name: str) -> None:
        """End an element."""
        if not self._is_within:
            return
        if name == self._within:
            self._is_within = False
        else:
            self._around.pop()
            self._frames.end(name)
        if self._hidden:
            self._hidden -= 1
            return
        match name:
            case "table":
                self._tables -= 1
                if self._tables == 0:
                    self._end_sheet()
            case "table-row":
                self._end_row()
            case "table-cell" | "covered-table-cell":
                self._end_cell()
            case "p":
                self._paragraphs -= 1

    def text(self, text: str) -> None:
        """Take characters."""
        if self._paragraphs and not self._hidden and self._is_within:
            self._words().append(text)

    def _words(self) -> list[str]:
        return self._beside if self._cell is None else self._text

    def _begin_sheet(self, name: str) -> None:
        self._sheets.append(Sheet(name))
        self._is_full, self._empty_rows = False, 0
        self._document.take(f"{name}\n")

    def _end_sheet(self) -> None:
        beside = "".join(self._beside).strip()
        self._document.take(f"{beside}\n\n" if beside else "\n")
        self._beside.clear()

    def _end_cell(self) -> None:
        if self._cell is None:
            return
        count = _count(self._cell.get("number-columns-repeated", ""))
        value = self._value(self._cell, "".join(self._text))
        if value is not None and self._column < _MOST_COLUMNS:
            count = min(count, _MOST_COLUMNS - self._column)
            self._row.extend([None] * (self._column - len(self._row)))
            self._row.extend([value] * count)
        self._column = min(self._column + count, _MOST_COLUMNS)
        self._cell = None

    def _end_row(self) -> None:
        if self._is_full or not self._sheets:
            return
        if not self._row:
            self._empty_rows += self._row_count
            return
        sheet = self._sheets[-1]
        if len(sheet.rows) + self._empty_rows >= MOST_ROWS:
            self._document.truncated = self._is_full = True
            return
        for _ in range(self._empty_rows):
            self._document.take_row(sheet, [])
        self._empty_rows = 0
        for _ in range(self._row_count):
            if not self._document.take_row(sheet, self._row):
                self._is_full = True
                break

    def _value(self, cell: dict[str, str], text: str) -> object:
        kind = cell.get("value-type", "")
        if kind in _NUMBERS:
            return _number(cell.get("value", text))
        if kind == "boolean":
            return cell.get("boolean-value") == "true"
        if kind == "date":
            return cell.get("date-value", text)
        if kind or not cell.get("formula"):
            return text or cell.get("string-value") or None
        sheet = self._sheets[-1].name if self._sheets else ""
        self._document.leave_out(
            f"the value of a formula in the sheet {sheet}, which was not saved"
        )
        return f"={cell['formula'].partition('=')[2]}"


def _count(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 1  # noqa: PLR2004 - digits


def _number(value: str) -> object:
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() else number
