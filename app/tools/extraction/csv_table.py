"""CSV, by the standard library."""

import csv
from io import StringIO

from app.tools.extraction.document import Document, Sheet
from app.tools.extraction.plain_text import decoded

_LONGEST_CELL = 1_000_000
_SEPARATORS = ",;\t|"


def read(content: bytes, document: Document) -> None:
    """Read the rows; the separator is the one of `,` `;` tab `|` that the first line has most."""
    text, document.encoding = decoded(content)
    first = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    csv.field_size_limit(_LONGEST_CELL)
    sheet = Sheet("csv")
    document.sheets = [sheet]
    for row in csv.reader(StringIO(text, newline=""), delimiter=separator):
        if not document.take_row(sheet, row):
            break
