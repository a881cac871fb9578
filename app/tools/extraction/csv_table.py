"""CSV, by the standard library; what parts the cells is found out by trying."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from io import StringIO

from app.tools.extraction.charsets import decoded, without_dos_end
from app.tools.extraction.document import Document, Sheet

_LONGEST_CELL = 2**31 - 1
"""A quote that is left open makes one cell of the rest, which the limits of the text cut."""
_SEPARATORS = ";\t|,"
"""The comma is the last, because it occurs inside cells more often than the others."""
_SAMPLE_CHARACTERS = 64 * 1024
_SAMPLE_ROWS = 200
_NAMED = re.compile(r'"?sep=(.)"?\1*(\r\n|\r|\n|\Z)', re.IGNORECASE)
_ESCAPED_QUOTE = r'(?<!\\)\\"(?![ \t]*({0}|\r|\n|\Z))'
_QUOTE_AFTER_SPACE = r'{0} +"'
"""What shows the habits of a writer, where `{0}` is the separator."""
_DECIMAL_COMMA = re.compile(r"[-+]?[\d.\s\u00a0']*\d,\d+\s?[%\w€$£]{0,3}")


def read(content: bytes, document: Document) -> None:
    """Read the rows; a first line such as `sep=;`, as Excel writes it, names the separator."""
    text, document.encoding = decoded(without_dos_end(content))
    csv.field_size_limit(_LONGEST_CELL)
    separator = "\t" if document.media_type == "text/tab-separated-values" else ""
    if named := _NAMED.match(text):
        separator, text = named[1], text[named.end() :]
    sample = _sample_of(text)
    separator = separator or max(_SEPARATORS, key=lambda likely: _fit(sample, likely))
    sheet = Sheet("csv")
    document.sheets = [sheet]
    for row in _rows(text, separator):
        if not document.take_row(sheet, row):
            break


def _sample_of(text: str) -> str:
    sample = text[:_SAMPLE_CHARACTERS]
    return sample if len(sample) == len(text) else sample[: sample.rfind("\n") + 1] or sample


def _rows(text: str, separator: str) -> Iterator[list[str]]:
    """Return the rows, also of writers that quote after a space, or escape by a backslash."""
    part = re.escape(separator)
    text = re.sub(_ESCAPED_QUOTE.format(part), '""', text)
    quotes_later = re.search(_QUOTE_AFTER_SPACE.format(part), text) is not None
    lines = StringIO(text, newline="")
    return csv.reader(lines, delimiter=separator, skipinitialspace=quotes_later)


def _fit(sample: str, separator: str) -> float:
    """Return how many rows have the same width with a separator, and cells of their own."""
    rows: list[list[str]] = []
    try:
        for row in _rows(sample, separator):
            if row:
                rows.append(row)
            if len(rows) == _SAMPLE_ROWS:
                break
    except csv.Error:
        return 0
    widths = Counter(len(row) for row in rows if len(row) > 1)
    if not widths:
        return 0
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    cells = [cell for row in rows if len(row) == width for cell in row]
    own = sum(_is_whole(cell, separator) for cell in cells)
    return count / len(rows) * own / len(cells)


def _is_whole(cell: str, separator: str) -> bool:
    """Return whether a cell is likely one value, and neither a part of one nor several."""
    others = [other for other in _SEPARATORS if other != separator and other in cell]
    if cell.startswith(" ") and separator == ",":
        return False
    if not others:
        return '"' not in cell
    return others == [","] and (", " in cell or _DECIMAL_COMMA.fullmatch(cell) is not None)
