"""XLSX, XLS, ODS and CSV: every value of every sheet."""

from typing import Any

import pytest

from tests.app.tools.extraction.reading import FILES, failure_of, read
from tests.harness.office_parts import open_document, sheet_of


def rows(name: str, content: bytes | str) -> Any:
    return read(name, content)["sheets"][0]["rows"]


STYLES = (
    '<numFmts><numFmt numFmtId="200" formatCode="[$-409]yyyy\\-mm\\-dd;@"/>'
    '<numFmt numFmtId="201" formatCode="&quot;day&quot;0.00"/>'
    '<numFmt numFmtId="202" formatCode="[h]:mm"/></numFmts>'
    '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/>'
    '<xf numFmtId="14"/><xf numFmtId="200"/><xf numFmtId="201"/><xf numFmtId="202"/>'
    '<xf numFmtId="20"/></cellXfs>'
)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('<c t="s"><v>1</v></c>', "rich text"),
        ('<c t="inlineStr"><is><r><t>in </t></r><r><t>line</t></r></is></c>', "in line"),
        ('<c t="str"><f>A1</f><v>told</v></c>', "told"),
        ('<c t="str"><f>A1</f><v></v></c>', ""),
        ('<c t="b"><v>1</v></c>', True),
        ('<c t="e"><v>#DIV/0!</v></c>', "#DIV/0!"),
        ('<c t="d"><v>2026-01-02</v></c>', "2026-01-02"),
        ("<c><v>12</v></c>", 12),
        ("<c><v>-1.5E3</v></c>", -1500.0),
        ('<c s="1"><v>46349</v></c>', "2026-11-23T00:00:00"),
        ('<c s="2"><v>46349.5</v></c>', "2026-11-23T12:00:00"),
        ('<c s="1"><v>59</v></c>', "1900-02-28T00:00:00"),
        ('<c s="3"><v>5</v></c>', 5),
        ('<c s="4"><v>1.5</v></c>', "36:00:00"),
        ('<c s="5"><v>0.75</v></c>', "18:00:00"),
        ('<c s="1"><v>9E9</v></c>', 9e9),
        ('<c t="str"><f>A1</f><v>a_x000D_\nb_x005F_x0041_</v></c>', "a\r\nb_x0041_"),
        ('<c t="inlineStr"><is><t>_x00e4_</t></is></c>', "ä"),
    ],
)
def test_a_cell_gives_its_value(cell: str, value: object) -> None:
    strings = (
        "<si><t>plain</t></si><si><r><t>rich </t></r><r><t>text</t></r><rPh><t>no</t></rPh></si>"
    )
    assert rows("a.xlsx", sheet_of(f"<row>{cell}</row>", strings, STYLES)) == [[value]]


def test_a_boolean_is_a_word_of_tables_in_the_text() -> None:
    found = sheet_of('<row><c t="b"><v>1</v></c><c t="b"><v>0</v></c><c><v>1</v></c></row>')
    assert read("a.xlsx", found)["text"] == "One\nTRUE\tFALSE\t1"


def test_a_formula_without_a_cached_value_is_shown_and_reported() -> None:
    found = read("a.xlsx", sheet_of("<row><c><v>2</v></c><c><f>A1*2</f></c></row>"))
    assert found["sheets"][0]["rows"] == [[2, "=A1*2"]]
    assert found["leftOut"] == ["the value of a formula in the sheet One, which was not saved"]


@pytest.mark.parametrize("kind", ["b", "e", "n", "s", "str", "d"])
def test_every_kind_of_formula_without_a_cached_value_is_shown(kind: str) -> None:
    found = read("a.xlsx", sheet_of(f'<row><c t="{kind}"><f>A2</f></c></row>'))
    assert (found["sheets"][0]["rows"], len(found["leftOut"])) == ([["=A2"]], 1)


def test_cells_are_placed_by_their_references() -> None:
    found = sheet_of(
        '<row r="3"><c r="B3"><v>1</v></c><c><v>2</v></c></row><row><c><v>3</v></c></row>'
    )
    assert rows("a.xlsx", found) == [[], [], [None, 1, 2], [3]]


def test_rows_beyond_the_limit_are_cut_off() -> None:
    found = read(
        "a.xlsx", sheet_of('<row><c><v>1</v></c></row><row r="1048576"><c><v>2</v></c></row>')
    )
    assert (found["sheets"][0]["rows"], found["truncated"]) == ([[1]], True)


def test_a_strict_workbook_with_other_part_names_is_read() -> None:
    found = sheet_of("<row><c><v>1</v></c></row>", strict=True, main="workbook2")
    assert rows("a.xlsx", found) == [[1]]


def test_shapes_and_comments_of_an_xls_workbook_are_read_or_named() -> None:
    found = read("noted.xls", (FILES / "noted.xls").read_bytes())
    assert found["sheets"] == [{"name": "S", "rows": [["noted"]]}]
    assert found["text"] == "S\nnoted\n\nboxed €\nsecond"
    assert found["leftOut"] == ["a comment"]


def test_an_xls_workbook_is_read_and_its_lost_formula_is_reported() -> None:
    found = read("old.xls", (FILES / "old.xls").read_bytes())
    assert found["sheets"] == [{"name": "Größe", "rows": [["Łódź"], [None, 2.5]]}]
    assert found["leftOut"] == ["a formula, whose value is empty or was not saved"]


def test_an_open_document_spreadsheet_is_read() -> None:
    cells = (
        '<table:table-cell office:value-type="float" office:value="2"/>'
        '<table:table-cell office:value-type="string"><text:p>a</text:p></table:table-cell>'
        '<table:table-cell table:formula="of:=[.A1]"/>'
    )
    body = f'<table:table table:name="One"><table:table-row>{cells}</table:table-row></table:table>'
    found = read("a.ods", open_document("spreadsheet", body))
    assert found["sheets"] == [{"name": "One", "rows": [[2, "a", "=[.A1]"]]}]
    assert found["leftOut"] == ["the value of a formula in the sheet One, which was not saved"]


def ods_rows(rows: str) -> tuple[Any, bool]:
    body = f'<table:table table:name="One">{rows}</table:table>'
    found = read("a.ods", open_document("spreadsheet", body), characters=2_000_000)
    return found["sheets"][0]["rows"], found["truncated"]


def test_repeated_cells_of_an_open_document_are_expanded_within_bounds() -> None:
    cell = '<table:table-cell office:value-type="float" office:value="{}"{}/>'
    few = cell.format(1, ' table:number-columns-repeated="2"')
    gap = '<table:table-cell table:number-columns-repeated="2"/>'
    row = "<table:table-row{}>{}</table:table-row>"
    many = ' table:number-rows-repeated="1048576"'
    assert ods_rows(
        row.format("", gap + few)
        + row.format(' table:number-rows-repeated="2"', gap)
        + row.format("", cell.format(2.5, ""))
        + row.format(many, gap)
    ) == ([[None, None, 1, 1], [], [], [2.5]], False)
    found, truncated = ods_rows(row.format(many, few))
    assert (len(found), found[-1], truncated) == (10_000, [1, 1], True)
    assert ods_rows(row.format(many, "") + row.format("", few)) == ([], True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '"Revenue, EUR";"Costs, EUR"\n"1,5";"2,5"\n',
            [["Revenue, EUR", "Costs, EUR"], ["1,5", "2,5"]],
        ),
        ("1,5;2,5;3\n4,5;5,5;6\n", [["1,5", "2,5", "3"], ["4,5", "5,5", "6"]]),
        ("1,5\t2,5\n4,5\t5,5\n", [["1,5", "2,5"], ["4,5", "5,5"]]),
        ("sep=;\na;b\n", [["a", "b"]]),
        ('"sep=,"\na,b\n', [["a", "b"]]),
        ("sep=|\r\na|b\r\n", [["a", "b"]]),
        ("sep=;\ra;b\rc;d", [["a", "b"], ["c", "d"]]),
        ("Report, May\nname;qty\nBolt;12\n", [["Report, May"], ["name", "qty"], ["Bolt", "12"]]),
        ("Smith, John;12\nDoe, Jane;3\n", [["Smith, John", "12"], ["Doe, Jane", "3"]]),
        ("a,b\n1,2\n\x1a", [["a", "b"], ["1", "2"]]),
        ("a,b\n1,2\r\n\x1a\0\x1a\x1a\r\n", [["a", "b"], ["1", "2"]]),
        ("name\nBolt\n", [["name"], ["Bolt"]]),
        ("Doe,Jane;3\nRoe,Ann;4\n", [["Doe,Jane", "3"], ["Roe,Ann", "4"]]),
        ("sep=;;;\na;b;c\n", [["a", "b", "c"]]),
        ('a, b\n1, "x, y"\n', [["a", "b"], ["1", "x, y"]]),
        (r'1,"say \"hi\" to C:\x"', [["1", r'say "hi" to C:\x']]),
        ('"C:\\dir\\","b"', [["C:\\dir\\", "b"]]),
        ("1.234,50;2\n99,00;3\n", [["1.234,50", "2"], ["99,00", "3"]]),
        ("a,b;c,d\n1,2;3,4\n", [["a", "b;c", "d"], ["1", "2;3", "4"]]),
    ],
)
def test_the_separator_of_a_csv_is_detected(text: str, expected: list[list[str]]) -> None:
    assert rows("a.csv", text) == expected


def test_the_separator_of_a_tsv_is_always_a_tab() -> None:
    assert rows("a.tsv", "a,b\tc\n") == [["a,b", "c"]]


def test_a_damaged_workbook_is_unreadable() -> None:
    assert failure_of("a.xlsx", sheet_of("<row><c><v>1</c></row>"))[0] == "DocumentUnreadable"
    old = (FILES / "old.xls").read_bytes()
    assert failure_of("a.xls", old[:2_048])[0] == "DocumentUnreadable"
