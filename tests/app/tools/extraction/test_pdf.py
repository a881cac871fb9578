"""PDF: the words of its pages, of forms and of stamps, and what is no text in it."""

import pytest

from app.tools.extraction.pdf_order import in_reading_order
from tests.app.tools.extraction.reading import read, text_of
from tests.harness import documents

FONT = "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
PICTURE = "BI /W 1 /H 1 /BPC 8 /CS /G ID x EI"
STAMP = "BT /F1 12 Tf 2 2 Td (PAID) Tj ET"


def page_of(
    *annotations: str,
    form: str = "/Fields [5 0 R]",
    drawn: str = "",
    page: str = "",
    font: str = FONT,
) -> bytes:
    drawn = drawn or "BT /F1 12 Tf 72 720 Td (Page:) Tj ET"
    places = " ".join(f"{number} 0 R" for number in range(5, 5 + len(annotations)))
    return documents.pdf_of([
        f"<< /Type /Catalog /Pages 2 0 R /AcroForm << {form} >> >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        ("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        f" /Resources {font} /Annots [{places}] {page} >>"),
        f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream",
        *(item if "/Length" in item else f"<< /Type /Annot /Rect [9 9 99 99] /F 4 {item} >>" for item in annotations),
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("annotation", "line"),
    [
        ("/Subtype /Widget /FT /Tx /T (who) /V (Ada)", "who: Ada"),
        ("/Subtype /Widget /FT /Tx /T (w) /TU (Your name) /V (Ada)", "Your name: Ada"),
        ("/Subtype /Widget /FT /Tx /Ff 8192 /T (pin) /V (1234)", ""),
        ("/Subtype /Widget /FT /Ch /T (land) /Opt [(AT) (CL)] /V (CL)", "land: CL"),
        ("/Subtype /Widget /FT /Ch /T (l) /Opt [[(a) (Austria)] [(c) (Chile)]] /V (c)", "l: Chile"),
        ("/Subtype /Widget /FT /Btn /T (ok) /V /Yes /AS /Yes", "ok: Yes"),
        ("/Subtype /Widget /FT /Btn /T (ok) /V /Off /AS /Off", ""),
        ("/Subtype /FreeText /Contents (typed on it)", "typed on it"),
    ],
)
def test_a_pdf_includes_form_values(annotation: str, line: str) -> None:
    assert text_of("a.pdf", page_of(annotation)) == f"Page:\n{line}".strip()


@pytest.mark.parametrize(
    "before", [b"\xef\xbb\xbf", b"\r\n", b" ", b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 9_999]
)
def test_bytes_before_a_pdf_do_not_matter(before: bytes) -> None:
    assert text_of("upload", before + documents.pdf("Invoice 7")) == "Invoice 7"


def test_text_about_pdf_is_text() -> None:
    about = "After %PDF-1.7 there are objects (obj)."
    assert text_of("a.txt", about) == about
    mail = b"From: a@x\r\nSubject: s\r\n\r\nhi " + documents.pdf("Invoice 7")
    assert text_of("a.eml", mail).startswith("From: a@x\nSubject: s\n\nhi")
    assert text_of("a.txt", "A file begins with %PDF-1.7.") == "A file begins with %PDF-1.7."


def test_comments_of_a_pdf_are_named_and_fields_without_a_form_are_read() -> None:
    found = read("a.pdf", page_of("/Subtype /Highlight /Contents (why?)", "/Subtype /Link"))
    assert (found["text"], found["leftOut"]) == ("Page:", ["a comment"])
    alone = page_of("/Subtype /Widget /FT /Tx /T (who) /V (Ada)").replace(b"/AcroForm", b"/Nothing")
    assert text_of("a.pdf", alone) == "Page:\nAda"


def test_pages_without_text_are_reported() -> None:
    content = documents.pdf("one", "", "three")
    found = read("a.pdf", content)
    assert (found["text"], found["pages"]) == ("one\n\n\n\nthree", 3)
    assert found["leftOut"] == ["page 2, which has no text: it is blank, drawn or damaged"]
    gone = content.replace(b"/Type /Page /Parent", b"/Type /Gone /Parent", 1)
    lost = read("a.pdf", gone.replace(b"\n3 0 obj", b"\n9 9 bad", 1))
    assert lost["leftOut"][0] == "page 1, which cannot be read"
    assert lost["text"].endswith("three")


@pytest.mark.parametrize("reported", [b"/Count 1", b"/Count  1"])
def test_a_pdf_with_a_wrong_page_count_is_read_to_its_end(reported: bytes) -> None:
    content = documents.pdf("one", "two", "(/Type /Pages /Count 9)")
    assert b"/Count 3" in content
    found = read("a.pdf", content.replace(b"/Count 3", reported))
    assert (found["pages"], found["leftOut"]) == (3, [])
    assert found["text"] == "one\n\ntwo\n\n(/Type /Pages /Count 9)"


def test_a_pdf_that_is_cut_off_says_so() -> None:
    content = documents.pdf("one", "two")
    cut = content[: content.rindex(b"xref\n0")] + b"trailer << /Root 1 0 R >>"
    found = read("a.pdf", cut)
    assert found["text"] == "one\n\ntwo"
    assert found["leftOut"] == ["what came behind the end of the file, which is cut off"]


@pytest.mark.parametrize(
    ("drawn", "left_out"),
    [
        (f"q 9 0 0 9 0 0 cm {PICTURE} Q", ["a picture"]),
        (
            f"q 612 0 0 792 0 0 cm {PICTURE} Q",
            ["a picture that fills page 1; if it is a scan, words are missing"],
        ),
        (f"q 612 0 0 792 0 0 cm {PICTURE} Q BT 3 Tr /F1 9 Tf 9 9 Td (read) Tj ET", ["a picture"]),
    ],
)
def test_pictures_of_a_pdf_are_named(drawn: str, left_out: list[str]) -> None:
    words = "BT /F1 12 Tf 72 720 Td (Page) Tj ET "
    assert read("a.pdf", page_of(drawn=words + drawn))["leftOut"] == left_out
    if "Tr" not in drawn:
        alone = read("a.pdf", page_of(drawn=drawn))["leftOut"]
        assert alone == ["page 1, which has no text: it is a picture, such as a scan"]


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_rows_of_a_turned_page_stay_lines(turned: int) -> None:
    matrix = {0: "1 0 0 1", 90: "0 1 -1 0", 180: "-1 0 0 -1", 270: "0 -1 1 0"}[turned]
    drawn = ""
    for row in range(4):
        for column, word in enumerate(("tea", "milk")):
            x, y = 200 * column - 100, 30 - 20 * row
            a, b, c, d = map(int, matrix.split())
            drawn += f"BT /F1 12 Tf {matrix} {300 + a * x + c * y} {400 + b * x + d * y} Tm ({word} {row}) Tj ET "
    content = page_of(drawn=drawn, page=f"/Rotate {turned}")
    assert text_of("a.pdf", content) == "\n".join(f"tea {row} milk {row}" for row in range(4))


def test_a_line_is_not_cut_at_a_raised_number() -> None:
    raised = "/F1 6 Tf 6 Ts (1) Tj 0 Ts /F1 12 Tf"
    drawn = f"BT /F1 12 Tf 72 720 Td (Price) Tj {raised} ( is 100) Tj 0 -14 Td (next) Tj ET"
    assert text_of("a.pdf", page_of(drawn=drawn)) == "Price1 is 100\nnext"


def test_words_off_the_page_are_not_read() -> None:
    drawn = "BT /F1 12 Tf 72 720 Td (on it) Tj ET BT /F1 12 Tf 72 2000 Td (off it) Tj ET"
    assert text_of("a.pdf", page_of(drawn=drawn)) == "on it"


def test_letters_that_a_pdf_does_not_tell_are_counted() -> None:
    font = (
        "<< /Font << /F1 << /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H"
        " /DescendantFonts [<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /CIDSystemInfo"
        " << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>] >> >> >>"
    )
    drawn = "BT /F1 12 Tf 72 720 Td <000400050006> Tj ET"
    found = read("a.pdf", page_of(drawn=drawn, font=font))
    assert found["text"] == "\ufffd\ufffd\ufffd"
    assert found["leftOut"] == ["3 characters of page 1, which the file does not tell"]


@pytest.mark.parametrize("kind", ["/Subtype /Stamp", "/Subtype /Widget /FT /Sig /T (s)"])
def test_words_of_stamps_and_signatures_are_read(kind: str) -> None:
    drawing = (
        f"<< /Type /XObject /Subtype /Form /BBox [0 0 90 90] /Resources {FONT}"
        f" /Length {len(STAMP)} >>\nstream\n{STAMP}\nendstream"
    )
    note = "/Subtype /Text /Contents ()"
    assert text_of("a.pdf", page_of(f"{kind} /AP << /N 6 0 R >>", drawing, note)) == "Page:\nPAID"
    assert read("a.pdf", page_of(kind))["leftOut"] == ["a stamp or a signature"]


def test_values_of_a_form_in_xfa_are_read() -> None:
    data = (
        '<x:xdp xmlns:x="http://ns.adobe.com/xdp/"><template><field name="a"/>No</template>'
        '<d:datasets xmlns:d="http://www.xfa.org/schema/xfa-data/1.0/"><d:data><f><who>Ada</who>'
        "<empty/></f></d:data></d:datasets></x:xdp>"
    )
    stream = f"<< /Length {len(data)} >>\nstream\n{data}\nendstream"
    found = read("a.pdf", page_of(stream, form="/Fields [] /XFA 5 0 R"))
    assert found["text"] == "Page:\n\nwho: Ada"
    assert found["leftOut"] == ["the form in XFA, beside its values and the pages of PDF"]


def test_files_attached_to_a_pdf_are_named() -> None:
    content = documents.pdf_with_attachment("data.csv", b"a,b")
    assert read("a.pdf", content)["leftOut"] == ["the attached file data.csv"]
    pinned = page_of("/Subtype /FileAttachment")
    assert read("a.pdf", pinned)["leftOut"] == ["an attached file"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        # As PDFium gives them: the words between Latin ones as they lie on the page.
        ("the:0 עולם:50 שלום:100 is:150", "the שלום עולם is"),
        ("שלום:200 World:150 Big:100 סוף:50", "שלום Big World סוף"),
        ("מחיר:200 125:150 שקלים:100", "מחיר 125 שקלים"),
        ("שקלים:100 125:150 מחיר:200", "מחיר 125 שקלים"),
        ("עולם:0 Big:100 World:150 שלום:250", "שלום Big World עולם"),
        ("עיר:100 שם:400", "שם עיר"),  # cells
        ("Big:0 World:50", "Big World"),
    ],
)
def test_words_are_given_in_reading_order(words: str, text: str) -> None:
    characters: list[tuple[str, float, float]] = []
    for word in words.split():
        letters, _, place = word.partition(":")
        left = float(place)
        characters += [
            (letter, left + 9 * at, left + 9 * at + 9) for at, letter in enumerate(letters)
        ]
        characters.append((" ", left, left))
    assert in_reading_order([*characters, ("\r", 0, 0), ("\n", 0, 0), ("x", 0, 9)]) == f"{text}\nx"


def layered(config: str, drawn: str, of_form: str = "") -> bytes:
    """A page with the layers Draft (5) and Final (6), and a form that draws "in a form"."""
    words = "BT /F1 12 Tf 72 630 Td (in a form) Tj ET"
    names = "/Properties << /D 5 0 R /F 6 0 R /M 7 0 R >> /XObject << /X 8 0 R >>"
    return documents.pdf_of([
        f"<< /Type /Catalog /Pages 2 0 R /OCProperties << /OCGs [5 0 R 6 0 R] /D << {config} >> >> >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        ("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        f" /Resources {FONT[:-2]} {names} >> >>"),
        f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream",
        "<< /Type /OCG /Name (Draft) >>", "<< /Type /OCG /Name (Final) >>",
        "<< /Type /OCMD /OCGs [5 0 R 6 0 R] /P /AllOff >>",
        (f"<< /Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources {FONT} {of_form} /Length {len(words)} >>"
        f"\nstream\n{words}\nendstream"),
    ])  # fmt: skip


def line_at(y: int, words: str, layer: str = "", mode: int = 0) -> str:
    drawn = f"BT {mode} Tr /F1 12 Tf 72 {y} Td ({words}) Tj ET"
    return f"/OC /{layer} BDC {drawn} EMC" if layer else drawn


LINES = " ".join(
    (line_at(720, "always"), line_at(690, "100", "D"), line_at(660, "90", "F"), "q /X Do Q", line_at(600, "scanned", "F", 3))
)  # fmt: skip
DRAFT = "the hidden layer Draft of page 1"


@pytest.mark.parametrize(
    ("config", "drawn", "of_form", "text", "left_out"),
    [
        ("", LINES, "", "always 100 90 in a form scanned", []),
        ("/OFF [5 0 R]", LINES, "", "always 90 in a form scanned", [DRAFT]),
        ("/BaseState /OFF /ON [6 0 R]", LINES, "", "always 90 in a form scanned", [DRAFT]),
        ("/OFF [5 0 R]", LINES, "/OC 6 0 R", "always 90 in a form scanned", [DRAFT]),
        ("/OFF [5 0 R]", LINES, "/OC 5 0 R", "always 90 scanned", [DRAFT, "the hidden layer of page 1"]),
        ("/OFF [5 0 R]", f"{line_at(720, 'a')} /OC /D BDC {line_at(690, 'b', 'F')} q /X Do Q EMC", "", "a",
         ["the hidden layer Draft of page 1 (2 times)"]),
        ("/OFF [5 0 R]", f"{line_at(720, 'a')} {line_at(690, 'b', 'M')}", "", "a", ["the hidden layer of page 1"]),
        ("/OFF [5 0 R]", "1 1 1 rg " + line_at(720, "white", "F"), "", "white", []),
    ],
)  # fmt: skip
def test_layers_that_are_off_are_left_out(
    config: str, drawn: str, of_form: str, text: str, left_out: list[str]
) -> None:
    found = read("a.pdf", layered(config, drawn, of_form))
    assert " ".join(found["text"].split()) == text
    assert sorted(found["leftOut"]) == sorted(left_out)
