"""XLSX, by openpyxl."""

from io import BytesIO

from openpyxl import load_workbook

from app.tools.extraction.document import Document, Sheet


def read(content: bytes, document: Document) -> None:
    """Read the values of every sheet; of formulas, the results that were saved with them."""
    book = load_workbook(BytesIO(content), read_only=True, data_only=True, keep_links=False)
    told = book.properties
    document.describe(
        {
            "title": told.title,
            "author": told.creator,
            "subject": told.subject,
            "keywords": told.keywords,
            "createdAt": told.created,
            "modifiedAt": told.modified,
        }
    )
    document.sheets = []
    for page in book.worksheets:
        sheet = Sheet(page.title)
        document.sheets.append(sheet)
        # What a sheet says of its size is not to be trusted: rows would be padded to it.
        page.reset_dimensions()
        if not document.take(f"{sheet.name}\n"):
            break
        for row in page.iter_rows(values_only=True):
            if not document.take_row(sheet, row):
                break
        while sheet.rows and not sheet.rows[-1]:
            sheet.rows.pop()
        document.take("\n")
