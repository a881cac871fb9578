"""Which format a document has: by its content, and by its name only among texts."""

import re
from contextlib import suppress
from io import BytesIO
from xml.parsers import expat

from app.tools.extraction.charsets import decoded, without_dos_end
from app.tools.extraction.document import DocumentFailure, damaged, encrypted
from app.tools.extraction.package import Package

PDF = "application/pdf"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PRESENTATION = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
OLD_SPREADSHEET = "application/vnd.ms-excel"
OUTLOOK = "application/vnd.ms-outlook"
ODF = "application/vnd.oasis.opendocument"
ODF_TEXT, ODF_SLIDES, ODF_SHEETS = f"{ODF}.text", f"{ODF}.presentation", f"{ODF}.spreadsheet"
ODF_FLAT, ODF_FLAT_SHEETS = f"{ODF}.text-flat-xml", f"{ODF}.spreadsheet-flat-xml"
PACKED_MESSAGE = "application/ms-tnef"
EPUB = "application/epub+zip"
RTF, MAIL = "application/rtf", "message/rfc822"
HTML, CSV, TSV, XML = "text/html", "text/csv", "text/tab-separated-values", "application/xml"
MARKDOWN, JSON, TEXT = "text/markdown", "application/json", "text/plain"

READ_KINDS = (
    "PDF, DOCX, XLSX, PPTX, XLS, ODT, ODS, ODP, EPUB, RTF, HTML, EML, MSG, winmail.dat, CSV "
    "and plain text"
)
_MAIN_PARTS = (
    (re.compile(r"wordprocessingml|ms-word\.(document|template)"), WORD),
    (re.compile(r"spreadsheetml|ms-excel\.(sheet|template)\.macro"), SPREADSHEET),
    (re.compile(r"presentationml|ms-powerpoint\.(presentation|slideshow|template)"), PRESENTATION),
)
_BINARY_BOOK = "ms-excel.sheet.binary"
_ODF_KINDS = {
    f"{kind}{template}": kind
    for kind in (ODF_TEXT, ODF_SLIDES, ODF_SHEETS)
    for template in ("", "-template", "-master")
}
_ENDINGS = {
    "csv": CSV, "tsv": TSV, "tab": TSV, "htm": HTML, "html": HTML, "xhtml": HTML, "md": MARKDOWN,
    "json": JSON, "xml": XML, "eml": MAIL, "mht": MAIL, "mhtml": MAIL,
}  # fmt: skip
_BY_TYPE = {kind: kind for kind in (CSV, TSV, HTML, MARKDOWN, JSON, XML, MAIL)} | {
    "application/xhtml+xml": HTML,
    "multipart/related": MAIL,
    "text/xml": XML,
}
_NEVER_BLANK = frozenset(
    {
        "pdf", "doc", "docx", "docm", "dotx", "xls", "xlsx", "xlsm", "ppt", "pptx", "odt", "ods",
        "odp", "epub", "rtf", "msg", PDF, WORD, SPREADSHEET, PRESENTATION, OLD_SPREADSHEET, OUTLOOK,
        ODF_TEXT, ODF_SLIDES, ODF_SHEETS, EPUB, RTF,
    }
)  # fmt: skip
_PLAIN = frozenset({"txt", "text", "log", *_ENDINGS})
_IS_HTML = re.compile(rb"<(!doctype\s+html|html|head|body)\b", re.IGNORECASE)
# As browsers tell it (https://mimesniff.spec.whatwg.org/); some programs call that .xls or .doc.
_LIKE_HTML = re.compile(
    rb"<(a|b|br|div|font|h1|iframe|meta|p|script|style|table|title)[\s>]", re.IGNORECASE
)
_BEFORE_HTML = ((b"<?", b">"), (b"<!--", b"-->"))
_HEADER = re.compile(rb"[!-9;-~]{1,100}:")
_MAIL_HEADERS = re.compile(
    rb"^(received|return-path|from|to|subject|date|message-id|mime-version|content-type"
    rb"|delivered-to):", re.IGNORECASE | re.MULTILINE
)  # fmt: skip
_MBOX = re.compile(rb"\AFrom [^\n]{1,200}\d\d\d\d\r?\n")
_MBOX_AGAIN = re.compile(rb"\r?\n\r?\nFrom \S[^\n]{1,200}\d\d\d\d\r?\n[A-Za-z-]+: ")
_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"\0\0\xfe\xff")
_BINARY = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
PACKED_SIGNATURE, ZIP_SIGNATURE = b"\x78\x9f\x3e\x22", b"PK\x03\x04"
COMPOUND_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
"""It has the byte with which DOS ends a text, so that DOS shows no more of a picture."""
_RTF = b"{\\rtf"
_UTF8_MARK = b"\xef\xbb\xbf"
_IS_OBJECT = re.compile(rb"\d\s+\d+\s+obj\b")
_STREAMS = (
    ("EncryptedPackage", "encrypted"),
    ("EncryptedSummary", "encrypted"),
    ("__properties_version1.0", OUTLOOK),
    ("Workbook", OLD_SPREADSHEET),
    ("Book", OLD_SPREADSHEET),
    ("WordDocument", "Word 97 to 2003 (.doc)"),
    ("PowerPoint Document", "PowerPoint 97 to 2003 (.ppt)"),
    ("VisioDocument", "Visio (.vsd)"),
)
_XML_ROOTS = {
    "wordDocument": "Word 2003 XML",
    "package": "Office in one XML file (flat OPC)",
    "Workbook": "Excel 2003 XML",
}
_MAIN_ROOTS = {"document": WORD, "workbook": SPREADSHEET, "presentation": PRESENTATION}
_HEAD_BYTES = 64 * 1024
_FEW = 100
"""One control character among so many does not make a text binary."""


def kind_of(content: bytes, media_type: str, name: str) -> str:
    """Return the media type that a document is read as.

    `media_type` is what it was taken for before. Raises `DocumentFailure`, which names a
    kind that is not read.
    """
    ending = name.rpartition(".")[2].lower()
    if content.startswith(PACKED_SIGNATURE):
        return PACKED_MESSAGE
    if _is_pdf(content, ending):
        return PDF
    if content.startswith(ZIP_SIGNATURE):
        return _package(Package(content))
    if content.startswith(COMPOUND_SIGNATURE):
        return _compound(content)
    if content[:_HEAD_BYTES].removeprefix(_UTF8_MARK).lstrip().startswith(_RTF):
        return RTF
    if _is_binary(content):
        if ZIP_SIGNATURE in content[:_HEAD_BYTES]:
            return _package(Package(content))  # its end tells where it begins
        if _may_have_controls(content, ending, media_type):
            return _text(content, ending, media_type)
        known = media_type not in ("", TEXT, *_BY_TYPE)
        raise unsupported(media_type if known else "application/octet-stream")
    if not content.strip() and (ending in _NEVER_BLANK or media_type in _NEVER_BLANK):
        raise damaged("it is empty")
    return _text(content, ending, media_type)


def _is_binary(content: bytes) -> bool:
    if content.startswith(_MARKS):
        return False
    is_picture = content.startswith(_PNG_SIGNATURE)
    return is_picture or _BINARY.search(without_dos_end(content)) is not None


def _may_have_controls(content: bytes, ending: str, media_type: str) -> bool:
    """Return whether a document called a text is one, with a few characters that are none.

    A mail may hold what is attached as it is.
    """
    start = content[:_HEAD_BYTES].removeprefix(_UTF8_MARK).lstrip()
    if _is_mail(start, ending):
        return True
    is_called_text = ending in _PLAIN or media_type in _BY_TYPE
    return is_called_text and len(_BINARY.findall(content)) * _FEW <= len(content)


def _is_pdf(content: bytes, ending: str) -> bool:
    """Return whether a PDF begins here, or after something that is none of its own."""
    at = content.find(b"%PDF-", 0, _HEAD_BYTES)
    if at <= 0:
        return at == 0
    has_objects = _IS_OBJECT.search(content, at, at + _HEAD_BYTES) is not None
    return has_objects and not _is_mail(content[:at].lstrip(), ending)


def unsupported(kind: str) -> DocumentFailure:
    """Return the failure of a document of a kind that is not read."""
    message = f"a document of type {kind} cannot be read; {READ_KINDS} can"
    return DocumentFailure("UnsupportedDocument", message)


def _package(package: Package) -> str:
    if "mimetype" in package:
        declared = package.read("mimetype").decode("ascii", "replace").strip().lower()
        if declared == EPUB:
            return EPUB
        if declared in _ODF_KINDS:
            return _ODF_KINDS[declared]
        raise unsupported(declared[:100])
    main = package.main_part() if "[Content_Types].xml" in package else ""
    if not main:
        raise unsupported("application/zip")
    declared = package.content_type(main)
    if main not in package:
        raise damaged(f"its part {main} is missing")
    if _BINARY_BOOK in declared:
        raise unsupported("binary Excel (.xlsb)")
    for pattern, kind in _MAIN_PARTS:
        if pattern.search(declared):
            return kind
    root = _MAIN_ROOTS.get(_root_of(package.read(main)))
    if root is None:
        raise unsupported(declared[:100] or "application/zip")
    return root


def _compound(content: bytes) -> str:
    """Return the kind of a compound file by the streams that it has."""
    from olefile import OleFileIO  # noqa: PLC0415 - most documents are none

    try:
        with OleFileIO(BytesIO(content)) as ole:
            names = {entry[0] for entry in ole.listdir()}
    except (OSError, ValueError, IndexError, RecursionError) as broken:
        raise damaged(f"its directory cannot be read ({broken})") from broken
    for stream, kind in _STREAMS:
        if stream in names:
            if kind == "encrypted":
                raise encrypted()
            if "/" not in kind:
                raise unsupported(kind)
            return kind
    raise unsupported("application/x-ole-storage")


def _text(content: bytes, ending: str, media_type: str) -> str:
    start = content[:_HEAD_BYTES].removeprefix(_UTF8_MARK).lstrip()
    if content.startswith(_MARKS):
        start = decoded(content[:_HEAD_BYTES])[0].encode("utf-8", "replace").lstrip()
    if start.startswith(b"%!"):
        raise unsupported("application/postscript")
    if _is_mail(start, ending):
        if _MBOX_AGAIN.search(content):
            raise unsupported("application/mbox (more than one message)")
        return MAIL
    page = _past_comments(start)
    is_xml = start.startswith(b"<?xml")
    may_be_html = ending not in _PLAIN and not is_xml
    if _IS_HTML.match(page) or (may_be_html and _LIKE_HTML.match(page)):
        return HTML
    if is_xml or ending in ("xml", "fodt", "fodp", "fods"):
        root = _root_of(content)
        if root in _XML_ROOTS:
            raise unsupported(_XML_ROOTS[root])
        if root == "document" and b"urn:oasis:names:tc:opendocument" in start:
            return _flat(start)
        if ending not in _ENDINGS and media_type not in _BY_TYPE:
            return XML
    return _ENDINGS.get(ending) or _BY_TYPE.get(media_type, TEXT)


def _past_comments(start: bytes) -> bytes:
    """Return a page from its first element on."""
    at = 0
    while True:
        while at < len(start) and start[at : at + 1].isspace():
            at += 1
        ends = (end for begin, end in _BEFORE_HTML if start.startswith(begin, at))
        end = next(ends, None)
        found = -1 if end is None else start.find(end, at)
        if end is None or found < 0:
            return start[at:]
        at = found + len(end)


def _flat(start: bytes) -> str:
    if ODF_SHEETS.encode() in start:
        return ODF_FLAT_SHEETS
    return ODF_FLAT


def _is_mail(start: bytes, ending: str) -> bool:
    start = _MBOX.sub(b"", start)
    if not _HEADER.match(start):
        return False
    head = re.split(rb"\r?\n\r?\n", start, maxsplit=1)[0]
    lines = [line for line in head.splitlines() if not line.startswith((b" ", b"\t"))]
    found = {name.lower() for name in _MAIL_HEADERS.findall(head)}
    if ending in ("eml", "mht", "mhtml"):
        return bool(found)
    if not all(_HEADER.match(line) for line in lines):
        return False
    return b"from" in found and bool(found - {b"from", b"to"})


def _root_of(content: bytes) -> str:
    """Return the local name of the root of an XML document, "" where it has none."""
    found: list[str] = []
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = lambda name, _: found.append(name.rpartition(" ")[2])
    with suppress(expat.ExpatError, ValueError, LookupError):
        parser.Parse(content[:_HEAD_BYTES], False)
    return found[0] if found else ""
