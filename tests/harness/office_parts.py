"""Office documents built part by part, as office programs write them but libraries do not."""

import zipfile
from io import BytesIO

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
SPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    f'xmlns:r="{_OFFICE}/relationships" xmlns:m="{_OFFICE}/math" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:v="urn:schemas-microsoft-com:vml"'
)
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
SHEETS = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
SLIDES = "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"


def archive(parts: dict[str, str | bytes]) -> bytes:
    """Write a ZIP archive of these parts."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in parts.items():
            written.writestr(name, content)
    return out.getvalue()


def relations(*found: tuple[str, str, str], strict: bool = False) -> str:
    """Return the relationships part for these (id, kind, target)."""
    base = "http://purl.oclc.org/ooxml/officeDocument" if strict else _OFFICE
    items = "".join(
        f'<Relationship Id="{id_}" Type="{base}/relationships/{kind}" Target="{target}"/>'
        for id_, kind, target in found
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{items}</Relationships>'


def package(main: str, kind: str, parts: dict[str, str | bytes], *, strict: bool = False) -> bytes:
    """Write an Office document whose main part has this name and content type."""
    types = (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="htm" ContentType="text/html"/>'
        f'<Override PartName="/{main}" ContentType="{kind}"/></Types>'
    )
    around = {
        "[Content_Types].xml": types,
        "_rels/.rels": relations(("m", "officeDocument", main), strict=strict),
    }
    return archive({**around, **parts})


def text_run(text: str) -> str:
    """Write a run of WordprocessingML."""
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def word_of(body: str, parts: dict[str, str | bytes] | None = None, kind: str = WORD) -> bytes:
    """Write a DOCX with this body."""
    document = f"<w:document {SPACES}><w:body>{body}</w:body></w:document>"
    return package("word/document.xml", kind, {"word/document.xml": document, **(parts or {})})


def sheet_of(
    rows: str, strings: str = "", styles: str = "", *, strict: bool = False, main: str = "workbook"
) -> bytes:
    """Write an XLSX with one sheet called One, which contains these rows."""
    space = (
        "http://purl.oclc.org/ooxml/spreadsheetml/main"
        if strict
        else "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    )
    office = "http://purl.oclc.org/ooxml/officeDocument" if strict else _OFFICE
    related = relations(
        ("s", "worksheet", "worksheets/one.xml"),
        ("t", "sharedStrings", "shared.xml"),
        ("f", "styles", "styles.xml"),
        strict=strict,
    )
    parts: dict[str, str | bytes] = {
        f"xl/{main}.xml": f'<workbook xmlns="{space}" xmlns:r="{office}/relationships"><sheets>'
        '<sheet name="One" sheetId="1" r:id="s"/></sheets></workbook>',
        f"xl/_rels/{main}.xml.rels": related,
        "xl/shared.xml": f'<sst xmlns="{space}">{strings}</sst>',
        "xl/styles.xml": f'<styleSheet xmlns="{space}">{styles}</styleSheet>',
        "xl/worksheets/one.xml": f'<worksheet xmlns="{space}"><sheetData>{rows}</sheetData>'
        "</worksheet>",
    }
    return package(f"xl/{main}.xml", SHEETS, parts, strict=strict)


def open_document(kind: str, body: str, parts: dict[str, str | bytes] | None = None) -> bytes:
    """Write an OpenDocument file with this body."""
    base = "urn:oasis:names:tc:opendocument:xmlns"
    names = ("office", "text", "table", "drawing", "svg-compatible", "presentation")
    spaces = " ".join(f'xmlns:{name.partition("-")[0]}="{base}:{name}:1.0"' for name in names)
    content = (
        f"<office:document-content {spaces}><office:body><office:{kind}>{body}</office:{kind}>"
        "</office:body></office:document-content>"
    )
    reported = {"mimetype": f"application/vnd.oasis.opendocument.{kind}", "content.xml": content}
    return archive({**reported, **(parts or {})})
