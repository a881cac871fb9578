"""XLS, by python-calamine."""

import struct
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from itertools import islice

from olefile import OleFileIO
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum

from app.tools.extraction.document import Document, Sheet, damaged, encrypted
from app.tools.extraction.number_format import elapsed

_PASSWORD, _FIRST_RECORDS = 0x002F, 8
_FORMULA, _BOOLEAN_OR_ERROR = 0x0006, 0x0205
_NOTE, _OBJECT, _TEXT, _CONTINUED = 0x001C, 0x005D, 0x01B6, 0x003C
_CHART, _PICTURE, _COMMENT = 0x05, 0x08, 0x19
_HEAD_BYTES = 4
_RESULT, _IS_NO_NUMBER = slice(6, 14), b"\xff\xff"
_ERROR, _EMPTY = 2, 3


def read(content: bytes, document: Document) -> None:
    """Read the values of every sheet; of formulas, the results that were saved with them."""
    # Seen in the first records, which are not encrypted; the library does not tell all cases apart.
    if any(kind == _PASSWORD for kind, _ in islice(_records(content), _FIRST_RECORDS)):
        raise encrypted()
    try:
        book = CalamineWorkbook.from_filelike(BytesIO(content))
        document.sheets = []
        for info in book.sheets_metadata:
            if info.typ is not SheetTypeEnum.WorkSheet:
                document.leave_out(f"the sheet {info.name}, which has no cells")
            else:
                sheet = Sheet(info.name)
                document.sheets.append(sheet)
                _read_sheet(book, sheet, document)
        _read_beside(content, document)
    except PasswordError as locked:
        raise encrypted() from locked
    except CalamineError as broken:
        raise damaged(str(broken)) from broken


def _read_sheet(book: CalamineWorkbook, sheet: Sheet, document: Document) -> None:
    document.take(f"{sheet.name}\n")
    found = book.get_sheet_by_name(sheet.name)
    rows_before, columns_before = found.start or (0, 0)
    for _ in range(rows_before):
        if not document.take_row(sheet, []):
            break
    for row in found.iter_rows():
        if not document.take_row(sheet, [*[None] * columns_before, *map(_value, row)]):
            break
    while sheet.rows and not sheet.rows[-1]:
        sheet.rows.pop()
    document.take("\n")


def _value(value: object) -> object:
    if value == "":
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return elapsed(value) if isinstance(value, timedelta) else value


def _read_beside(content: bytes, document: Document) -> None:
    """Read the text of shapes, and note what the library does not pass on, from the records."""
    kind_of_object, before = 0, 0
    for kind, body in _records(content):
        if kind == _FORMULA and body[_RESULT].endswith(_IS_NO_NUMBER):
            if body[_RESULT][0] == _EMPTY:
                document.leave_out("a formula, whose value is empty or was not saved")
            elif body[_RESULT][0] == _ERROR:
                document.leave_out("an error in a cell")
        elif kind == _BOOLEAN_OR_ERROR and body[7:8] == b"\x01":
            document.leave_out("an error in a cell")
        elif kind == _NOTE:
            document.leave_out("a comment")
        elif kind == _OBJECT:
            kind_of_object = body[4] if len(body) > _HEAD_BYTES else 0
            if kind_of_object in (_CHART, _PICTURE):
                document.leave_out("a chart" if kind_of_object == _CHART else "a picture")
        elif kind == _CONTINUED and before == _TEXT and kind_of_object != _COMMENT and body:
            text = body[1:].decode("utf-16-le" if body[0] & 1 else "latin-1", "replace")
            document.take(text.replace("\r\n", "\n").replace("\r", "\n").strip() + "\n")
        before = kind


def _records(content: bytes) -> Iterator[tuple[int, bytes]]:
    with OleFileIO(BytesIO(content)) as ole:
        name = "Workbook" if ole.exists("Workbook") else "Book"
        with ole.openstream(name) as stream:
            records: bytes = stream.read()
    at = 0
    while at + _HEAD_BYTES <= len(records):
        kind, size = struct.unpack_from("<HH", records, at)
        at += _HEAD_BYTES
        yield kind, records[at : at + size]
        at += size
