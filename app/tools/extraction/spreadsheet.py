"""XLSX and its relatives, row by row: what a sheet says of its size costs nothing."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from app.tools.extraction.document import MOST_ROWS, Document, Sheet
from app.tools.extraction.flow import Flow
from app.tools.extraction.markup import elements, parse
from app.tools.extraction.number_format import Meaning, as_moment, meaning_of
from app.tools.extraction.office import Drawn, leave_out_objects
from app.tools.extraction.package import Package, Relation

_NOT_VALUES = frozenset({"rPh", "phoneticPr", "extLst"})
_LETTERS = {letter: number for number, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 1)}
_MOST_COLUMNS = 16_384
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
"""A character that XML cannot hold, or a line break that it would change."""


@dataclass(slots=True)
class _Book:
    """What the sheets of a book share."""

    strings: list[str] = field(default_factory=list)
    meanings: list[Meaning] = field(default_factory=list)
    since_1904: bool = False


def read(content: bytes, document: Document) -> None:
    """Read the values of every sheet; of formulas, the results that were saved with them."""
    package = Package(content)
    document.describe(package.properties())
    main = package.main_part()
    related = {item.id: item for item in package.relations(main)}
    book = _Book()
    _read_shared(package, list(related.values()), book)
    sheets: list[tuple[str, Relation]] = []
    for name, found in elements(package.read(main), main):
        if name == "workbookPr":
            book.since_1904 = found.get("date1904", "0") in ("1", "true")
        elif name == "sheet" and found.get("r:id") in related:
            sheets.append((found.get("name", ""), related[found["r:id"]]))
    document.sheets = []
    for name, item in sheets:
        if item.kind != "worksheet":
            document.leave_out(f"the sheet {name}, which has no cells")
        elif item.part not in package:
            document.leave_out(f"the sheet {name}, which is missing")
        else:
            _read_sheet(package, item.part, Sheet(name), document, book)


def _read_shared(package: Package, related: list[Relation], book: _Book) -> None:
    for item in related:
        if item.kind == "sharedStrings" and item.part in package:
            parse(package.read(item.part), _Strings(book.strings), item.part)
        elif item.kind == "styles" and item.part in package:
            book.meanings = _meanings(package.read(item.part), item.part)


def _read_sheet(package: Package, part: str, sheet: Sheet, document: Document, book: _Book) -> None:
    if document.sheets is not None:
        document.sheets.append(sheet)
    document.take(f"{sheet.name}\n")
    try:
        parse(package.read(part), _Cells(document, sheet, book), part)
    except _SheetIsFull:
        pass
    finally:
        while sheet.rows and not sheet.rows[-1]:
            sheet.rows.pop()
    document.take("\n")
    related = package.relations(part)
    leave_out_objects(package, related, document)
    flow = Flow(document)
    for item in related:
        if item.kind == "drawing" and item.part in package:
            parse(package.read(item.part), Drawn(flow), item.part)
            flow.end()
            leave_out_objects(package, package.relations(item.part), document)


def _meanings(styles: bytes, part: str) -> list[Meaning]:
    codes: dict[str, str] = {}
    meanings: list[Meaning] = []
    group = ""
    for name, found in elements(styles, part):
        if name == "numFmt":
            codes[found.get("numFmtId", "")] = found.get("formatCode", "")
        elif name in ("cellXfs", "cellStyleXfs", "cellStyles", "dxfs"):
            group = name
        elif name == "xf" and group == "cellXfs":
            id_ = found.get("numFmtId", "0")
            meanings.append(meaning_of(int(id_) if id_.isdecimal() else 0, codes.get(id_)))
    return meanings


class _SheetIsFull(Exception):
    """No more rows are taken of this sheet."""


class _Strings:
    """Reads the texts that cells refer to by number."""

    def __init__(self, strings: list[str]) -> None:
        self._strings = strings
        self._parts: list[str] = []
        self._hidden = 0
        self._in_text = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        if self._hidden or name in _NOT_VALUES:
            self._hidden += 1
        elif name == "si":
            self._parts.clear()
        self._in_text = name == "t" and not self._hidden

    def end(self, name: str) -> None:
        """End an element."""
        self._in_text = False
        if self._hidden:
            self._hidden -= 1
        elif name == "si":
            self._strings.append(_text(self._parts))

    def text(self, text: str) -> None:
        """Take characters."""
        if self._in_text:
            self._parts.append(text)


class _Cells:
    """Reads the rows of a sheet."""

    def __init__(self, document: Document, sheet: Sheet, book: _Book) -> None:
        self._document = document
        self._sheet = sheet
        self._book = book
        self._row: list[object] = []
        self._row_number = 0
        self._column = 0
        self._cell: dict[str, str] = {}
        self._texts: dict[str, list[str]] = {}
        self._into: list[str] | None = None
        self._hidden = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        if self._hidden or name in _NOT_VALUES:
            self._hidden += 1
        elif name == "row":
            self._begin_row(attributes.get("r", ""))
        elif name == "c":
            self._cell, self._texts = attributes, {}
            self._column = _column(attributes.get("r", "")) or self._column + 1
        elif name in ("v", "f", "t"):
            self._into = self._texts.setdefault(name, [])

    def end(self, name: str) -> None:
        """End an element."""
        if self._hidden:
            self._hidden -= 1
        elif name in ("v", "f", "t"):
            self._into = None
        elif name == "c" and self._column <= _MOST_COLUMNS:
            value = self._value()
            if value is not None:
                self._row.extend([None] * (self._column - 1 - len(self._row)))
                self._row[self._column - 1 :] = [value]
        elif name == "row" and not self._document.take_row(self._sheet, self._row):
            raise _SheetIsFull

    def text(self, text: str) -> None:
        """Take characters."""
        if self._into is not None and not self._hidden:
            self._into.append(text)

    def _begin_row(self, number: str) -> None:
        self._row, self._column = [], 0
        before, self._row_number = self._row_number, self._row_number + 1
        if number.isdecimal() and int(number) > before:
            self._row_number = int(number)
        if self._row_number > MOST_ROWS:
            self._document.truncated = True
            raise _SheetIsFull
        for _ in range(before + 1, self._row_number):
            self._document.take_row(self._sheet, [])

    def _value(self) -> object:
        value = "".join(self._texts.get("v", ()))
        kind = self._cell.get("t", "n")
        if "f" in self._texts and not value.strip() and (kind != "str" or "v" not in self._texts):
            self._document.leave_out(
                f"the value of a formula in the sheet {self._sheet.name}, which was not saved"
            )
            return f"={''.join(self._texts['f'])}"
        match kind:
            case "s" if value.isdecimal() and int(value) < len(self._book.strings):
                return self._book.strings[int(value)]
            case "s" if value:
                self._document.leave_out("a text that a cell refers to and that is missing")
                return None
            case "inlineStr":
                return _text(self._texts.get("t", ()))
            case "b":
                return value.strip() in ("1", "true")
            case "str":
                return _text([value])
            case "e" | "d":
                return value
        return self._number(value.strip()) if value.strip() else None

    def _number(self, value: str) -> object:
        try:
            number = float(value)
            whole = int(value) if value.lstrip("-").isdecimal() else None
        except ValueError:
            return value
        style = self._cell.get("s", "0")
        meanings = self._book.meanings
        is_known = style.isdecimal() and int(style) < len(meanings)
        meaning = meanings[int(style)] if is_known else "number"
        if meaning != "number":
            return as_moment(number, meaning, since_1904=self._book.since_1904)
        return number if whole is None else whole


def _text(parts: Iterable[str]) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), "".join(parts))


def _column(reference: str) -> int:
    """Return the number of the column of a reference such as `AB12`, 0 without one."""
    column = 0
    for letter in reference[:4].upper():
        if letter not in _LETTERS:
            break
        column = column * 26 + _LETTERS[letter]
    return column
