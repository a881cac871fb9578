"""Presentations, OpenDocument and EPUB; unsupported formats are refused by name."""

import zlib

import pytest

from tests.app.tools.extraction.reading import FILES, failure_of, read, text_of
from tests.harness import documents
from tests.harness.office_parts import (
    SLIDES,
    SPACES,
    archive,
    open_document,
    package,
    relations,
)

ODS = "application/vnd.oasis.opendocument.spreadsheet"


@pytest.mark.parametrize("before", [b"\r\n", b"\xef\xbb\xbf", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_bytes_before_an_archive_do_not_matter(before: bytes) -> None:
    content = package("a.xml", "application/xml", {"a.xml": "<document><t>in it</t></document>"})
    assert text_of("a.docx", before + content) == "in it"


def slides(*names: str) -> bytes:
    ids = "".join(f'<p:sldId id="{256 + at}" r:id="r{name}"/>' for at, name in enumerate(names))
    main = f"<p:presentation {SPACES}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>"
    table = "<a:tbl><a:tr><a:tc><a:p><a:r><a:t>c</a:t></a:r></a:p></a:tc><a:tc/></a:tr></a:tbl>"
    words = "<a:p><a:r><a:t>on {0}</a:t></a:r><a:br/><a:r><a:t>more</a:t></a:r></a:p>"
    slide = f"<p:sld {SPACES}>{words}{table}</p:sld>"
    parts: dict[str, str | bytes] = {
        "ppt/main.xml": main,
        "ppt/_rels/main.xml.rels": relations(*[(f"r{n}", "slide", f"s/{n}.xml") for n in "ab"]),
        "ppt/s/a.xml": slide.format("a"),
        "ppt/s/b.xml": slide.format("b"),
        "ppt/s/_rels/b.xml.rels": relations(
            ("n", "notesSlide", "../n.xml"), ("c", "chart", "c.xml"), ("d", "diagramData", "d.xml")
        ),
        "ppt/n.xml": f"<p:notes {SPACES}><a:p><a:r><a:t>noted</a:t></a:r></a:p></p:notes>",
        "ppt/s/d.xml": f"<p:x {SPACES}><a:p><a:r><a:t>drawn</a:t></a:r></a:p></p:x>",
    }
    return package("ppt/main.xml", SLIDES, parts)


def test_slides_are_read_in_their_order_with_notes_and_diagrams() -> None:
    found = read("a.pptx", slides("b", "a"))
    assert found["text"] == "on b\nmore\nc\ndrawn\nnoted\n\non a\nmore\nc"
    assert (found["pages"], found["leftOut"]) == (2, ["a chart"])
    found = read("a.pptx", slides("b", "a"), pages=1)
    assert (found["pages"], found["truncated"], "on a" in found["text"]) == (2, True, False)


def test_equations_on_slides_keep_their_symbols() -> None:
    part = "<m:f><m:num><a:t>a</a:t></m:num><m:den><a:t>b</a:t></m:den></m:f>"
    slide = f"<p:sld {SPACES}><a:p>{part}</a:p></p:sld>"
    content = package("ppt/main.xml", SLIDES, {
        "ppt/main.xml": f"<p:presentation {SPACES}><p:sldId r:id='a'/></p:presentation>",
        "ppt/_rels/main.xml.rels": relations(("a", "slide", "s/a.xml")),
        "ppt/s/a.xml": slide,
    })  # fmt: skip
    assert text_of("a.pptx", content) == "a/b"


def test_a_missing_slide_is_reported() -> None:
    assert read("a.pptx", slides("a", "x"))["leftOut"] == ["slide 2, which is missing"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            "<text:h>Head</text:h><text:p>a<text:s text:c='2'/>b<text:tab/>c</text:p>",
            "Head\na  b\tc",
        ),
        (
            "<text:tracked-changes><text:p>gone</text:p></text:tracked-changes><text:p>a</text:p>",
            "a",
        ),
        (
            (
                "<text:tracked-changes><text:changed-region text:id='c1'><text:deletion/>"
                "</text:changed-region></text:tracked-changes><text:p>a<text:change-start "
                "text:change-id='c1'/>gone<text:change-end text:change-id='c1'/>b</text:p>"
            ),
            "ab",
        ),
        ("<text:p>\n  one\n  <text:span>two</text:span>\n</text:p>", "one two"),
        ("<text:p>a<text:line-break/>b <text:title>T</text:title></text:p>", "a\nb T"),
        (
            (
                "<text:p>a<drawing:frame><svg:title>no</svg:title><drawing:text-box><text:p>box</text:p>"
                "</drawing:text-box></drawing:frame></text:p>"
            ),
            "a\nbox",
        ),
        (
            (
                "<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell>"
                "<table:table-cell><text:p>b</text:p><text:p>c</text:p></table:table-cell>"
                "</table:table-row></table:table><text:p>d</text:p>"
            ),
            "a\tb c\nd",
        ),
        (
            (
                "<text:p>9<text:note><text:note-citation>1</text:note-citation><text:note-body>"
                "<text:p>taxed</text:p></text:note-body></text:note> EUR</text:p><text:p>z</text:p>"
            ),
            "9 EUR\nz\ntaxed",
        ),
        (
            (
                "<text:p>It is <drawing:frame><drawing:object><math><semantics><mfrac><mi>a</mi><mi>b</mi>"
                "</mfrac><annotation>a over b</annotation></semantics></math></drawing:object>"
                "<drawing:image/></drawing:frame> here</text:p>"
            ),
            "It is a/b here",
        ),
        (
            (
                "<drawing:frame><table:table><table:table-row><table:table-cell><text:p>a</text:p>"
                "</table:table-cell></table:table-row></table:table><drawing:image/></drawing:frame>"
            ),
            "a",
        ),
    ],
)
def test_an_open_document_gives_its_text(body: str, text: str) -> None:
    assert text_of("a.odt", open_document("text", body)) == text


def test_a_formula_that_is_a_document_of_its_own_is_read() -> None:
    frame = (
        "<text:p>It is <drawing:frame><drawing:object href='./{}'/><drawing:image/>"
        "</drawing:frame></text:p>"
    )
    formula = "<math><semantics><mi>x</mi><annotation>x</annotation></semantics></math>"
    parts: dict[str, str | bytes] = {"F 1/content.xml": formula, "C/content.xml": "<document/>"}
    content = open_document("text", frame.format("F 1"), parts)
    assert text_of("a.odt", content) == "It is x"
    found = read("a.odt", open_document("text", frame.format("C"), parts))
    assert (found["text"], found["leftOut"]) == ("It is", ["an embedded object"])


def test_a_flat_open_document_gives_its_headers_too() -> None:
    spaces = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{short}:1.0"'
        for short in ("office", "text", "style")
    )
    content = (
        f"<office:document {spaces} office:mimetype='application/vnd.oasis.opendocument.text'>"
        "<office:master-styles><style:master-page><style:header><text:p>above</text:p></style:header>"
        "</style:master-page></office:master-styles><office:body><text:p>a</text:p></office:body>"
        "</office:document>"
    )
    assert text_of("a.fodt", content) == "above\na"


def test_a_flat_spreadsheet_gives_only_its_cells() -> None:
    spaces = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{short}:1.0"'
        for short in ("office", "text", "table")
    )
    content = (
        f"<office:document {spaces} office:mimetype='{ODS}'>"
        "<office:master-styles><text:p>Page 1</text:p></office:master-styles><office:body>"
        "<office:spreadsheet><table:table table:name='Q1'><table:table-row><table:table-cell "
        "office:value-type='float' office:value='1.50'><text:p>1.50</text:p></table:table-cell>"
        "</table:table-row></table:table></office:spreadsheet></office:body></office:document>"
    )
    found = read("a.fods", content)
    assert (found["sheets"], found["text"]) == ([{"name": "Q1", "rows": [[1.5]]}], "Q1\n1.5")


def test_a_presentation_of_open_document_is_read_with_its_notes() -> None:
    body = (
        "<drawing:page><text:p>seen</text:p><presentation:notes><text:p>noted</text:p>"
        "</presentation:notes><drawing:image/></drawing:page>"
    )
    found = read("a.odp", open_document("presentation", body))
    assert (found["text"], found["leftOut"]) == ("seen\nnoted", ["a picture"])


def book(chapters: dict[str, str], more: dict[str, str | bytes] | None = None) -> bytes:
    items = "".join(f'<item id="{name}" href="in%20/{name}.xhtml"/>' for name in "ab")
    spine = "".join(f'<itemref idref="{name}"/>' for name in "ba")
    opf = (
        f"<package><title>Book</title><manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    return archive({
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<c><rootfile full-path="O/book.opf"/></c>',
        "O/book.opf": opf,
        **{f"O/in /{name}.xhtml": page for name, page in chapters.items()},
        **(more or {}),
    })  # fmt: skip


def test_a_book_gives_its_chapters_in_their_order() -> None:
    page = (
        "<!DOCTYPE html><html><title>x</title><body><p>chapter {}&nbsp;&eacute;</p></body></html>"
    )
    found = read("a.epub", book({"a": page.format("a"), "b": page.format("b")}))
    assert found["text"] == "chapter b\u00a0é\nchapter a\u00a0é"
    assert (found["leftOut"], found["metadata"]) == ([], {"title": "Book"})
    assert read("a.epub", book({"a": page}))["leftOut"] == [
        "the chapter O/in /b.xhtml, which is missing"
    ]


def test_chapters_that_are_cut_off_or_damaged_are_named() -> None:
    whole = "<html><body><p>chapter a</p></body></html>"
    found = read("a.epub", book({"a": whole, "b": "<html><body><p>chapter b, whose en"}))
    assert found["text"] == "chapter b, whose en\nchapter a"
    assert found["leftOut"] == ["the end of the chapter O/in /b.xhtml, which is cut off"]
    found = read("a.epub", book({"a": whole, "b": ""}))
    assert found["leftOut"] == ["the end of the chapter O/in /b.xhtml, which is cut off"]
    other = whole.replace("a<", "b<")
    deflate = zlib.compressobj(wbits=-15)
    deflated = deflate.compress(other.encode()) + deflate.flush()
    damaged = book({"a": whole, "b": other}).replace(deflated, bytes(len(deflated)))
    found = read("a.epub", damaged)
    assert found["text"] == "chapter a"
    assert "the chapter O/in /b.xhtml: the document is damaged" in found["leftOut"][0]


def encrypted() -> list[tuple[str, bytes]]:
    manifest = "<m><file-entry><encryption-data/></file-entry></m>"
    locked = '<e><CipherReference URI="O/in%20/b.xhtml"/></e>'
    return [
        ("a.docx", (FILES / "encrypted.docx").read_bytes()),
        ("a.xls", (FILES / "locked.xls").read_bytes()),
        ("a.pdf", documents.encrypted_pdf("hunter2")),
        ("a.odt", open_document("text", "", {"META-INF/manifest.xml": manifest})),
        ("a.epub", book({"a": "a", "b": "b"}, {"META-INF/encryption.xml": locked})),
        ("a.eml", b"From: a@x\r\nSubject: s\r\nContent-Type: application/pkcs7-mime\r\n\r\nMIIB"),
    ]


@pytest.mark.parametrize(("name", "content"), encrypted())
def test_an_encrypted_document_is_reported_as_encrypted(name: str, content: bytes) -> None:
    kind, message = failure_of(name, content)
    assert (kind, "encrypted" in message, "it needs" in message) == (
        "DocumentUnreadable",
        True,
        True,
    )


@pytest.mark.parametrize(
    ("name", "content", "called"),
    [
        ("a.txt", b"\x7fELF\x00\x01", "application/octet-stream"),
        ("a.zip", archive({"a.txt": "hello"}), "application/zip"),
        ("a.docx", archive({"mimetype": "application/vnd.oasis.opendocument.graphics"}), "graphics"),
        ("a.xlsb", package("b.bin", "application/vnd.ms-excel.sheet.binary.main", {"b.bin": ""}), ".xlsb"),
        ("a.xml", "<?xml version='1.0'?><w:wordDocument xmlns:w='urn:w'/>", "Word 2003"),
        ("a.ps", "%!PS-Adobe-3.0\n", "postscript"),
        ("a.eml", b"From: a@x\nDate: today\n\nhi\n\nFrom b@x Mon Nov  2 10:00:00 2026\nTo: c\n\nho", "mbox"),
    ],
)  # fmt: skip
def test_an_unsupported_format_is_refused_by_name(
    name: str, content: bytes | str, called: str
) -> None:
    kind, message = failure_of(name, content)
    assert (kind, called in message) == ("UnsupportedDocument", True)
    assert message.endswith("HTML, EML, MSG, winmail.dat, CSV and plain text can")


@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "a.XLSX", "a.msg"])
@pytest.mark.parametrize("content", ["", " \n"])
def test_an_empty_file_is_only_a_text(name: str, content: str) -> None:
    message = "the document is damaged: it is empty"
    assert failure_of(name, content) == ("DocumentUnreadable", message)
    assert read("a.txt", content)["text"] == read("a", content)["text"] == ""


def test_an_archive_without_its_beginning_is_damaged() -> None:
    content = archive({"mimetype": "application/epub+zip", "a": "b"})
    cut = content[:4] + content[30:]
    assert failure_of("a.epub", cut)[1].startswith("the document is damaged: its part mimetype")


def test_deeply_nested_documents_are_refused() -> None:
    inner = b"From: a@x\r\nSubject: s\r\n\r\nend"
    for _ in range(30):
        inner = b"From: a@x\r\nSubject: s\r\nContent-Type: message/rfc822\r\n\r\n" + inner
    assert failure_of("a.eml", inner)[1] == "the document is damaged: its parts are nested too deep"
