"""Documents are read; none can hang the server, fill its memory or disk, or end it."""

import asyncio
import datetime as dt
import os
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from app.concurrency.offload import offload
from app.tools import extraction_process
from app.tools.extract_document import extract_document_tool
from app.tools.extraction_process import ExtractionProcess
from engine import JsonObject
from steps.contract.step_type import StepBroke
from steps.effects.effects import ToolContext
from steps.effects.stored_file import StoredFile
from steps.testing import FakeEffects
from steps.tools.tools import Tools
from tests.harness import documents
from tests.harness.office_parts import sheet_of, word_of


def reading(**limits: Any) -> Tools:
    return Tools([extract_document_tool(ExtractionProcess(**limits))])


def given(file: StoredFile) -> ToolContext:
    return FakeEffects(files=[file]).tool_context()


async def extract(name: str, content: bytes, **more: Any) -> Any:
    tools = reading()
    file = StoredFile("f1", name, "application/x-claimed", content)
    return await tools.call("extract-document", {"fileId": "f1", **more}, given(file))


async def broke(name: str, content: bytes, **more: Any) -> tuple[str, str]:
    with pytest.raises(StepBroke) as raised:
        await extract(name, content, **more)
    assert not raised.value.error.retryable
    return raised.value.error.type, raised.value.error.message


async def test_a_pdf_gives_text_pages_and_metadata() -> None:
    read = await extract("a.pdf", documents.pdf("First page", "Second page", title="Letters"))
    assert read == {
        "text": "First page\n\nSecond page",
        "mediaType": "application/pdf",
        "pages": 2,
        "metadata": {"title": "Letters", "author": "Ada"},
        "truncated": False,
        "leftOut": [],
    }


async def test_of_ten_thousand_pages_only_the_first_are_read() -> None:
    content = documents.pdf(*[f"Page {number}" for number in range(10_000)])
    read = await extract("long.pdf", content)
    assert (read["pages"], read["truncated"]) == (10_000, True)
    assert read["text"].endswith("Page 199")
    assert (await extract("long.pdf", content, maxPages=1))["text"] == "Page 0"
    read = await extract("long.pdf", content, maxCharacters=10)
    assert (read["text"], read["truncated"]) == ("Page 0\n\nPa", True)


async def test_a_password_is_required_only_for_encrypted_documents() -> None:
    assert (await extract("a.pdf", documents.encrypted_pdf("")))["text"] == "secret page"
    kind, message = await broke("a.pdf", documents.encrypted_pdf("hunter2"))
    assert (kind, "password" in message) == ("DocumentUnreadable", True)


async def test_a_docx_gives_paragraphs_and_tables_in_order() -> None:
    read = await extract("a.docx", documents.word())
    assert read["text"] == "Heading\na\tb\nc\td\nLast words \u2713"
    assert (read["metadata"]["title"], read["metadata"]["author"]) == ("Report", "Ada")
    assert read["mediaType"].endswith("wordprocessingml.document")
    assert "pages" not in read


async def test_an_xlsx_gives_its_sheets() -> None:
    rows: list[list[Any]] = [
        ["name", "amount", "on"],
        ["tea", 2.5, dt.date(2026, 11, 23)],
        [],
        ["=1+1", True, 10**15],
    ]
    read = await extract("a.xlsx", documents.spreadsheet({"One": rows, "Two": []}))
    assert read["sheets"] == [
        {"name": "One", "rows": [["name", "amount", "on"], ["tea", 2.5, "2026-11-23T00:00:00"],
                                 [], ["=1+1", True, 10**15]]},
        {"name": "Two", "rows": []},
    ]  # fmt: skip
    assert read["text"].startswith("One\nname\tamount\ton\ntea\t2.5\t")
    assert read["metadata"]["title"] == "Figures"


async def test_a_table_is_cut_at_the_limit_of_characters() -> None:
    content = documents.spreadsheet({"One": [["x" * 9]] * 50, "Two": [["y"]]})
    read = await extract("a.xlsx", content, maxCharacters=104)
    assert (len(read["sheets"][0]["rows"]), read["truncated"]) == (10, True)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
async def test_a_csv_gives_rows_with_any_separator(separator: str) -> None:
    lines = [["name", "said"], ["Ada", f'"a{separator} ""b""\nc"']]
    content = "\r\n".join(separator.join(line) for line in lines).encode()
    read = await extract("a.csv", content)
    assert read["sheets"] == [
        {"name": "csv", "rows": [["name", "said"], ["Ada", f'a{separator} "b"\nc']]}
    ]
    assert (read["mediaType"], read["encoding"]) == ("text/csv", "utf-8")


@pytest.mark.parametrize(
    ("content", "text", "encoding"),
    [
        ("grüße".encode(), "grüße", "utf-8"),
        ("grüße".encode("utf-8-sig"), "grüße", "utf-8"),
        ("grüße".encode("utf-16"), "grüße", "utf-16"),
        ("grüße \u20ac".encode("cp1252"), "grüße \u20ac", "windows-1252"),
        (b"", "", "utf-8"),
    ],
)
async def test_text_is_decoded_and_its_charset_reported(
    content: bytes, text: str, encoding: str
) -> None:
    read = await extract("a.txt", content)
    assert (read["text"], read["encoding"]) == (text, encoding)


@pytest.mark.parametrize("name", ["a.html", "a.txt", "a"])
async def test_html_gives_its_visible_text(name: str) -> None:
    page = (
        "<!DOCTYPE html><html><head><title>A  page</title><meta name=author content=Ada>"
        "<style>p{}</style></head><body><h1>Hi</h1><script>alert(1)</script>"
        "<p>Grüße &amp;\n <b>mo</b>re</p>tail<!-- no --><noscript>no</noscript>"
        "<table><tr><td>a</td><td><p>b</p></td></tr><tr><td>c<br>d</td></tr></table></body></html>"
    )
    read = await extract(name, page.encode())
    assert (read["text"], read["mediaType"]) == ("Hi\nGrüße & more\ntail\na\tb\nc\nd", "text/html")
    assert read["metadata"] == {"title": "A  page", "author": "Ada"}


async def test_a_refusal_lists_the_supported_formats() -> None:
    kind, message = await broke("a.png", b"\x89PNG\r\n\x1a\n" + b"\x00" * 50)
    assert kind == "UnsupportedDocument"
    assert message.startswith("a document of type image/png cannot be read; PDF, DOCX, XLSX, PPTX")


def _broken() -> list[tuple[str, bytes]]:
    word, sheet = documents.word(), documents.spreadsheet({"One": [["a"]]})
    return [
        ("a.pdf", b"%PDF-1.7\n"),
        ("a.pdf", b"%PDF-1.7\n" + b"\xff" * 5_000),
        ("a.docx", word[: len(word) // 2]),
        ("a.docx", b"PK\x03\x04" + b"\x00" * 100),
        ("a.docx", documents.repacked(word, word__document=b"<w:document")),
        ("a.xlsx", documents.repacked(sheet, xl__worksheets__sheet1=b"\x00\x01")),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 50),
    ]


@pytest.mark.parametrize(("name", "content"), _broken())
async def test_a_damaged_document_is_unreadable(name: str, content: bytes) -> None:
    assert (await broke(name, content))[0] == "DocumentUnreadable"


async def test_a_cyclic_page_tree_is_handled() -> None:
    content = documents.pdf_of([
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>",
    ])  # fmt: skip
    assert (await broke("loop.pdf", content))[0] == "DocumentUnreadable"  # not DocumentTimeout


async def test_a_decompression_bomb_is_too_large() -> None:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(300 * 1024 * 1024))
    content = out.getvalue()
    assert len(content) < 500_000
    assert (await broke("bomb.docx", content))[0] == "DocumentTooLarge"


async def test_an_archive_with_too_many_parts_is_too_large() -> None:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(6_000):
            archive.writestr(f"xl/{number}", "")
    assert (await broke("bomb.xlsx", out.getvalue()))[0] == "DocumentTooLarge"


async def test_a_document_with_a_false_size_is_unreadable() -> None:
    honest = documents.repacked(
        documents.word(), word__document=b"<a>" + bytes(50_000_000) + b"</a>"
    )
    lying = honest.replace((50_000_007).to_bytes(4, "little"), (7).to_bytes(4, "little"))
    assert lying != honest
    assert (await broke("liar.docx", lying))[0] == "DocumentUnreadable"


async def test_a_document_that_needs_too_much_memory_is_too_large() -> None:
    strings = f"<si><t>{'x' * 40_000_000}</t></si>"
    content = sheet_of('<row><c t="s"><v>0</v></c></row>', strings)
    file = StoredFile("f1", "a.xlsx", "application/x-claimed", content)
    with pytest.raises(StepBroke) as raised:
        await reading(memory_bytes=100 << 20).call(
            "extract-document", {"fileId": "f1"}, given(file)
        )
    assert raised.value.error.type == "DocumentTooLarge"


async def test_the_servers_own_memory_does_not_count_for_a_document() -> None:
    held = bytearray(b"x") * (640 << 20)
    assert (await broke("a.pdf", b"%PDF-1.7\n"))[0] == "DocumentUnreadable"
    assert len(held) == 640 << 20


def slow(elements: int = 4_000_000) -> bytes:
    """Return a DOCX of a few kilobytes that takes seconds of processor time."""
    return word_of("<w:r/>" * elements)


@pytest.mark.parametrize("limits", [{"cpu_s": 1}, {"wall_s": 1}])
async def test_a_document_that_takes_too_long_is_ended(limits: dict[str, Any]) -> None:
    file = StoredFile("f1", "slow.docx", "application/x-claimed", slow(8_000_000))
    with pytest.raises(StepBroke) as raised:
        await reading(**limits).call("extract-document", {"fileId": "f1"}, given(file))
    assert raised.value.error.type == "DocumentTimeout"
    assert readers() == []


async def test_exponential_entities_are_refused() -> None:
    grown = "".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 10}">' for n in range(1, 10))
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    sheet = (
        f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x0 "ha">{grown}]><worksheet xmlns="{main}"><sheetData>'
        '<row r="1"><c r="A1" t="inlineStr"><is><t>&x9;</t></is></c></row></sheetData></worksheet>'
    )
    content = documents.repacked(
        documents.spreadsheet({"One": [["a"]]}), xl__worksheets__sheet1=sheet.encode()
    )
    kind, message = await broke("laughs.xlsx", content)
    assert (kind, "entities of its own" in message) == ("DocumentUnreadable", True)


async def test_a_sheet_with_false_dimensions_gives_its_actual_cells() -> None:
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    sheet = (
        f'<worksheet xmlns="{main}"><dimension ref="A1:XFD1048576"/><sheetData>'
        '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
        "</sheetData></worksheet>"
    )
    content = documents.repacked(
        documents.spreadsheet({"One": [["a"]]}), xl__worksheets__sheet1=sheet.encode()
    )
    read = await extract("wide.xlsx", content)  # a walk over all cells would be a DocumentTimeout
    assert (read["sheets"][0]["rows"], read["truncated"]) == ([[1]], True)


async def test_deeply_nested_html_is_read_or_refused() -> None:
    assert (await extract("deep.html", b"<div>" * 100_000 + b"end"))["text"] == "end"


@pytest.mark.parametrize(
    "wrong", [{"maxPages": 0}, {"maxCharacters": 10**9}, {"maxPages": "1"}, {"other": 1}]
)
async def test_unknown_and_mistyped_inputs_are_refused(wrong: dict[str, Any]) -> None:
    assert (await broke("a.txt", b"a", **wrong))[0] == "InvalidToolInput"


def readers() -> list[int]:
    """Return the processes that read documents for this one."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command, status = (place / "cmdline").read_bytes(), (place / "stat").read_text()
        except OSError:
            continue
        parent = int(status.rpartition(")")[2].split()[1])
        if b"app.tools.extraction" in command and parent == os.getpid():
            found.append(int(place.name))
    return found


async def test_a_tenant_reads_two_documents_at_once_and_a_cancel_ends_them() -> None:
    tools = reading()
    context = given(StoredFile("f1", "a.docx", "application/x-claimed", slow()))
    wanted: JsonObject = {"fileId": "f1"}
    calls = [asyncio.create_task(tools.call("extract-document", wanted, context)) for _ in range(5)]
    most = 0
    for _ in range(20):
        await asyncio.sleep(0.05)
        most = max(most, len(readers()))
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert all(call.cancelled() for call in calls)
    assert (most, readers()) == (2, [])


async def test_the_documents_of_one_tenant_do_not_wait_for_those_of_another() -> None:
    tools = reading()
    many = replace(given(StoredFile("f1", "a.docx", "x/y", slow())), tenant="many")
    one = replace(given(StoredFile("f1", "a.txt", "x/y", b"small")), tenant="one")
    wanted: JsonObject = {"fileId": "f1"}
    calls = [asyncio.create_task(tools.call("extract-document", wanted, many)) for _ in range(5)]
    await asyncio.sleep(0.1)
    read: Any = await tools.call("extract-document", wanted, one)
    assert (read["text"], any(call.done() for call in calls)) == ("small", False)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


async def test_a_document_is_loaded_only_in_its_turn() -> None:
    loaded: list[str] = []
    context = given(StoredFile("f1", "a.docx", "x/y", slow()))

    async def load(file_id: str) -> StoredFile:
        loaded.append(file_id)
        return await context.file(file_id)

    tools = reading()
    seen = replace(context, file=load)
    calls = [
        asyncio.create_task(tools.call("extract-document", {"fileId": "f1"}, seen))
        for _ in range(5)
    ]
    await asyncio.sleep(0.1)
    assert len(loaded) == 2
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


def seen_of(process: int) -> tuple[bytes, bool]:
    """Return a process's environment, and whether it is barred from writing files."""
    place = Path("/proc") / str(process)
    limits = (place / "limits").read_text()
    return (place / "environ").read_bytes(), "Max file size             0 " in limits


async def test_the_reading_process_has_no_secrets_and_cannot_write_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CANARY", "hunter2")
    call = asyncio.create_task(extract("a.docx", slow()))
    environment, is_bound = b"", False
    for _ in range(200):
        await asyncio.sleep(0.01)
        if found := readers():
            environment, is_bound = seen_of(found[0])
        if is_bound:
            break
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert is_bound
    assert b"LANG" in environment
    assert b"hunter2" not in environment


async def test_a_long_text_is_read_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    beside: list[Any] = []

    async def noted(work: Any) -> Any:
        beside.append(work)
        return await offload(work)

    monkeypatch.setattr(extraction_process, "offload", noted)
    long = await extract("a.txt", b"word " * 300_000, maxCharacters=2_000_000)
    assert (len(long["text"]), len(beside)) == (1_499_999, 1)
    assert (await extract("a.txt", b"word"))["text"] == "word"
    assert len(beside) == 1
