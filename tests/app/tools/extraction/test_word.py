"""DOCX: the text that Word shows, wherever it is stored."""

import pytest

from tests.app.tools.extraction.reading import failure_of, read, text_of
from tests.harness.office_parts import WORD, package, relations, text_run, word_of

BOX = f"<w:txbxContent><w:p>{text_run('boxed')}</w:p></w:txbxContent>"
FIELD = '<w:r><w:fldChar w:fldCharType="{}">{}</w:fldChar></w:r>'


def field(instruction: str) -> str:
    reported = f"<w:r><w:instrText>{instruction}</w:instrText></w:r>"
    return f"{FIELD.format('begin', '')}{reported}{FIELD.format('end', '')}"


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        (f"<w:del><w:r><w:delText>1</w:delText></w:r></w:del><w:ins>{text_run('9')}</w:ins>", "9"),
        (f"<w:moveFrom>{text_run('x')}</w:moveFrom><w:moveTo>{text_run('y')}</w:moveTo>", "y"),
        (f"a <w:sdt><w:sdtPr/><w:sdtContent>{text_run('Ada')}</w:sdtContent></w:sdt>", "Ada"),
        (f'<w:fldSimple w:instr="MERGEFIELD no">{text_run("INV-7")}</w:fldSimple>', "INV-7"),
        (
            (
                f"{FIELD.format('begin', '')}<w:r><w:instrText>DATE</w:instrText></w:r>"
                f"{FIELD.format('separate', '')}{text_run('May')}{FIELD.format('end', '')}"
            ),
            "May",
        ),
        (f"<w:smartTag>{text_run('London')}</w:smartTag>", "London"),
        (f"<w:customXml>{text_run('inside')}</w:customXml>", "inside"),
        (f"<w:hyperlink><w:ins>{text_run('here')}</w:ins></w:hyperlink>", "here"),
        ("<m:oMath><m:r><m:t>mc2</m:t></m:r></m:oMath>", "mc2"),
        (
            (
                "<m:oMath><m:f><m:num><m:r><m:t>a</m:t></m:r></m:num>"
                "<m:den><m:r><m:t>b</m:t></m:r></m:den></m:f></m:oMath>"
            ),
            "a/b",
        ),
        (
            (
                f"<w:r><w:ruby><w:rt>{text_run('kyo')}</w:rt>"
                f"<w:rubyBase>{text_run('K')}</w:rubyBase></w:ruby></w:r>"
            ),
            "K(kyo)",
        ),
        (
            (
                f"<w:r><mc:AlternateContent><mc:Choice>{BOX}</mc:Choice>"
                f"<mc:Fallback>{BOX}</mc:Fallback></mc:AlternateContent></w:r>"
            ),
            "boxed",
        ),
        (f"<w:r><w:pict><v:textbox>{BOX}</v:textbox></w:pict></w:r>", "boxed"),
        ("<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r>", "a\tb\nc"),
        ('<w:pPr><w:tabs><w:tab w:pos="9"/></w:tabs></w:pPr>' + text_run("a"), "a"),
        (f"{text_run('a')}<w:r><w:noBreakHyphen/></w:r>{text_run('b')}", "a-b"),
        ("<w:r><w:pict><v:textpath string='DRAFT'/></w:pict></w:r>", "DRAFT"),
        (
            (
                f"<mc:AlternateContent><mc:Choice><w:drawing/></mc:Choice><mc:Fallback>{text_run('b')}"
                "</mc:Fallback></mc:AlternateContent>"
            ),
            "b",
        ),
        (
            (
                "<m:oMath><m:r><m:t>f</m:t></m:r><m:d><m:e><m:r><m:t>x</m:t></m:r></m:e>"
                "<m:e><m:rad><m:deg/><m:e><m:r><m:t>2</m:t></m:r></m:e></m:rad></m:e></m:d></m:oMath>"
            ),
            "f(x|\u221a2)",
        ),
        (
            (
                "<m:oMath><m:d><m:dPr><m:begChr m:val='['/></m:dPr><m:e><m:r><m:t>x</m:t></m:r></m:e></m:d>"
                "<m:nary><m:naryPr><m:chr m:val='\u2211'/></m:naryPr><m:sub/><m:e/></m:nary></m:oMath>"
            ),
            "[x)\u2211",
        ),
        (
            FIELD.format("begin", "")
            + FIELD.format("begin", "")
            + FIELD.format("separate", "")
            + text_run("no")
            + FIELD.format("end", "")
            + FIELD.format("separate", "")
            + text_run("yes")
            + FIELD.format("end", ""),
            "yes",
        ),
        ('<w:r><w:sym w:font="Wingdings" w:char="F0FE"/></w:r>', "\u2611"),
        ('<w:r><w:rPr><w:rFonts w:ascii="Symbol"/></w:rPr><w:t>\uf061</w:t></w:r>', "\u03b1"),
        (field("EQ \\o\\ac(\u25cb,1)"), "\u25cb1"),
        (field('EQ \\* jc2 \\* "Font:MS Mincho" \\* hps10 \\o\\ad(\\s\\up 9(kyo),K)'), "K(kyo)"),
        (field("EQ \\f(1,\\r(3,x))"), "1/3\u221ax"),
        (field("EQ \\b\\lc\\[\\rc\\](\\a\\co2(1,2))"), "[1 2]"),
        (field("MACROBUTTON Next Click here"), "Click here"),
        (field("SYMBOL 254 \\f Wingdings"), "\u2611"),
        (text_run("a") + field("XE hidden") + text_run("b"), "ab"),
        (
            (
                "<m:oMath><m:m><m:mr><m:e><m:r><m:t>a</m:t></m:r></m:e><m:e><m:r><m:t>b</m:t></m:r></m:e></m:mr>"
                "<m:mr><m:e><m:r><m:t>c</m:t></m:r></m:e></m:mr></m:m></m:oMath>"
            ),
            "a b; c",
        ),
        (
            (
                "<m:oMath><m:rad><m:deg><m:r><m:t>3</m:t></m:r></m:deg><m:e><m:r><m:t>x</m:t></m:r></m:e>"
                "</m:rad></m:oMath>"
            ),
            "3\u221ax",
        ),
        (
            FIELD.format("begin", "<w:ffData><w:checkBox><w:checked/></w:checkBox></w:ffData>"),
            "\u2611",
        ),
        (
            FIELD.format(
                "begin",
                '<w:ffData><w:ddList><w:result w:val="1"/><w:listEntry w:val="AT"/>'
                '<w:listEntry w:val="CL"/></w:ddList></w:ffData>',
            ),
            "CL",
        ),
    ],
)
def test_a_paragraph_gives_its_visible_text(inside: str, text: str) -> None:
    assert text_of("a.docx", word_of(f"<w:p>{inside}</w:p>")) == text


def row(*cells: str) -> str:
    return f"<w:tr>{''.join(f'<w:tc><w:p>{text_run(cell)}</w:p></w:tc>' for cell in cells)}</w:tr>"


def test_each_table_row_is_a_line_also_in_content_controls_and_cells() -> None:
    nested = f"<w:tr><w:tc><w:p/><w:tbl>{row('c', 'd')}</w:tbl><w:p/></w:tc></w:tr>"
    held = f"<w:sdt><w:sdtContent>{row('e', 'f')}</w:sdtContent></w:sdt>"
    body = f"<w:p>{text_run('up')}</w:p><w:tbl>{row('a', '', 'b')}{nested}{held}</w:tbl>"
    assert text_of("a.docx", word_of(body)) == "up\na\t\tb\nc\td\ne\tf"


def test_deleted_lines_and_tables_are_omitted() -> None:
    gone = "<w:pPr><w:rPr><w:del/></w:rPr></w:pPr>"
    rows = (
        row("a", "b")
        + row("x", "y").replace("<w:tr>", "<w:tr><w:trPr><w:del/></w:trPr>")
        + row("c", "d").replace("<w:tc>", "<w:tc><w:tcPr><w:cellDel/></w:tcPr>")
    )
    body = f"<w:p>{gone}{text_run('Hel')}</w:p><w:p>{text_run('lo')}</w:p><w:tbl>{rows}</w:tbl>"
    assert text_of("a.docx", word_of(body)) == "Hello\na\tb"


def test_headers_and_notes_are_read_and_other_content_is_reported() -> None:
    part = "<w:x xmlns:w='{}'><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:x>"
    names = ("footer", "footnotes", "header")
    related = [(name, name, f"{name}.xml") for name in names]
    related += [("c", "chart", "chart.xml"), ("i", "image", "a.png"), ("t", "theme", "NULL")]
    parts: dict[str, str | bytes] = {
        f"word/{name}.xml": part.format("urn:any", f"in {name}") for name in names
    }
    parts["word/_rels/document.xml.rels"] = relations(*related)
    found = read("a.docx", word_of(f"<w:p>{text_run('body')}</w:p>", parts))
    assert found["text"] == "in header\nbody\nin footnotes\nin footer"
    assert found["leftOut"] == ["a chart", "a picture"]


@pytest.mark.parametrize(("inside", "left_out"), [("", []), ("<w:comment/>", ["the comments"])])
def test_comments_are_reported(inside: str, left_out: list[str]) -> None:
    parts: dict[str, str | bytes] = {
        "word/_rels/document.xml.rels": relations(("c", "comments", "c.xml")),
        "word/c.xml": f"<w:comments xmlns:w='urn:any'>{inside}</w:comments>",
    }
    assert read("a.docx", word_of("<w:p/>", parts))["leftOut"] == left_out


def test_an_inserted_part_is_read_by_its_own_kind() -> None:
    page = "<html><body><p>from a <b>page</b></p></body></html>"
    related = relations(("h", "aFChunk", "/word/in.htm"), ("n", "aFChunk", "gone.htm"))
    parts: dict[str, str | bytes] = {"word/in.htm": page, "word/_rels/document.xml.rels": related}
    body = f'<w:p>{text_run("own")}</w:p><w:altChunk r:id="h"/><w:altChunk r:id="n"/>'
    found = read("a.docx", word_of(body, parts))
    assert found["text"] == "own\nfrom a page"
    assert found["leftOut"] == ["an inserted part, which is missing"]


def test_an_inserted_part_is_read_by_its_content_type() -> None:
    parts: dict[str, str | bytes] = {
        "word/in.dat": "<q>from a page</q>",
        "word/_rels/document.xml.rels": relations(("h", "aFChunk", "in.dat")),
        "[Content_Types].xml": '<Types><Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="dat" ContentType="text/html"/></Types>',
    }
    assert text_of("a.docx", word_of('<w:altChunk r:id="h"/>', parts)) == "from a page"


@pytest.mark.parametrize("kind", ["template", "macroEnabled.main", "macroEnabledTemplate.main"])
def test_templates_and_documents_with_macros_are_documents(kind: str) -> None:
    content_type = f"application/vnd.ms-word.document.{kind}+xml"
    assert text_of("a.docm", word_of(f"<w:p>{text_run('a')}</w:p>", kind=content_type)) == "a"


def test_part_names_are_free_and_strict_documents_are_read() -> None:
    space = "http://purl.oclc.org/ooxml/wordprocessingml/main"
    body = f'<w:document xmlns:w="{space}"><w:body><w:p>{text_run("a")}</w:p></w:body></w:document>'
    strict = package("word/document2.xml", WORD, {"WORD\\document2.xml": body}, strict=True)
    assert text_of("a.docx", strict) == "a"


def test_xml_entities_are_refused() -> None:
    for entity in ('SYSTEM "file:///etc/passwd"', '"a word"'):
        document = f"<!DOCTYPE x [<!ENTITY e {entity}>]><x><p><t>a&e;b</t></p></x>"
        kind, message = failure_of("a.docx", package("d.xml", WORD, {"d.xml": document}))
        assert (kind, "entities" in message) == ("DocumentUnreadable", True)


def test_a_truncated_part_is_damaged() -> None:
    document = "<x><p><t>first</t></p><p><t>second</q></p></x>"
    kind, message = failure_of("a.docx", package("d.xml", WORD, {"d.xml": document}))
    assert (kind, message) == (
        "DocumentUnreadable",
        "the document is damaged: d.xml: mismatched tag: line 1, column 36",
    )


def test_one_endless_line_is_cut_without_being_buffered() -> None:
    found = read("a.docx", word_of(f"<w:p>{text_run('x' * 5_000_000)}</w:p>"), characters=10)
    assert (found["text"], found["truncated"]) == ("x" * 10, True)


def test_what_stands_beside_a_wide_cell_stays_in_its_column() -> None:
    def cell(text: str, properties: str = "") -> str:
        return f"<w:tc>{properties}<w:p>{text_run(text)}</w:p></w:tc>"

    wide = cell("wide", '<w:tcPr><w:gridSpan w:val="2"/></w:tcPr>') + cell("c")
    odd = cell("d", '<w:tcPr><w:gridSpan w:val="x"/></w:tcPr>') + cell("e")
    late = '<w:trPr><w:gridBefore w:val="2"/></w:trPr>' + cell("f")
    rows = "".join(f"<w:tr>{cells}</w:tr>" for cells in (wide, odd, late))
    found = text_of("a.docx", word_of(f"<w:p>{text_run('up')}</w:p><w:tbl>{rows}</w:tbl>"))
    assert found == "up\nwide\t\tc\nd\te\n\t\tf"
