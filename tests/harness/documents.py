"""Valid and hostile documents, written by hand or by libraries."""

import zipfile
from io import BytesIO
from typing import Any

import docx
from openpyxl import Workbook
from pypdf import PdfWriter


def pdf(*pages: str, title: str = "") -> bytes:
    """Write a PDF with one line of text per page."""
    shared = len(pages) * 2 + 3
    kids = " ".join(f"{number * 2 + 3} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
    ]
    for number, text in enumerate(pages):
        drawn = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {number * 2 + 4} 0 R"
            f" /Resources << /Font << /F1 {shared} 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream")
    objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    objects.append(f"<< /Title ({title}) /Author (Ada) >>")
    return pdf_of(objects, trailer=f"/Info {len(objects)} 0 R")


def pdf_of(objects: list[str], trailer: str = "") -> bytes:
    """Write a PDF of these objects; the first is its catalogue."""
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    for place in places:
        out += f"{place:010} 00000 n \n".encode()
    out += f"trailer << /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\n".encode()
    out += f"startxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def encrypted_pdf(user_password: str) -> bytes:
    """Write an encrypted PDF; with an empty password anyone can read it."""
    writer = PdfWriter(BytesIO(pdf("secret page")))
    writer.encrypt(user_password, "owner", algorithm="AES-256")
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def pdf_with_attachment(name: str, content: bytes) -> bytes:
    """Write a PDF with an attached file."""
    writer = PdfWriter(BytesIO(pdf("Page")))
    writer.add_attachment(name, content)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def word(build: Any = None) -> bytes:
    """Write a DOCX with a heading, a table and a paragraph."""
    document = docx.Document()
    document.core_properties.title = "Report"
    document.core_properties.author = "Ada"
    document.add_heading("Heading")
    table = document.add_table(2, 2)
    for row, texts in zip(table.rows, (("a", "b"), ("c", "d")), strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    document.add_paragraph("Last words \u2713")
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def spreadsheet(sheets: dict[str, list[list[Any]]]) -> bytes:
    """Write an XLSX with these rows."""
    book = Workbook()
    book.properties.title = "Figures"
    book.properties.creator = "Ada"
    del book["Sheet"]
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def repacked(archive: bytes, **changes: bytes) -> bytes:
    """Return an archive with some parts replaced; `word__document.xml` is word/document.xml."""
    wanted = {f"{name.replace('__', '/')}.xml": content for name, content in changes.items()}
    out = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(archive)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for member in old.namelist():
            new.writestr(member, wanted.get(member) or old.read(member))
    return out.getvalue()
