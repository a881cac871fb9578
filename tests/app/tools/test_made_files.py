"""Files created by a run: texts, tables, values, archives and saved answers."""

import io
import zipfile
from functools import partial
from typing import Any

import pytest

from app.tools import make_file as tools
from engine import JsonObject
from steps import Done, InvalidDefinition, StepBroke, StoredFile
from steps.call_api import CallApi
from steps.testing import FakeEffects, StepTrial, call_tool, http_response
from tests.harness.counted_work import lines_of

MADE: list[tuple[JsonObject, bytes, str]] = [
    ({"name": "a.txt", "content": "Grüße"}, "Grüße".encode(), "text/plain; charset=utf-8"),
    ({"name": "a.csv", "format": "csv", "content": [{"a": 1, "b": "x,y"}]},
     b'a,b\r\n1,"x,y"\r\n', "text/csv; charset=utf-8"),
    ({"name": "a.csv", "format": "csv", "content": [{"a": 1, "b": 2}], "columns": ["b"], "separator": ";"},
     b"b\r\n2\r\n", "text/csv; charset=utf-8"),
    ({"name": "a.json", "format": "json", "content": {"a": [1]}}, b'{\n  "a": [\n    1\n  ]\n}', "application/json"),
    ({"name": "a.svg", "content": "<svg/>", "mediaType": "image/svg+xml"}, b"<svg/>", "image/svg+xml"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "raw", "media_type"), MADE)
async def test_a_file_is_created(given: dict[str, Any], raw: bytes, media_type: str) -> None:
    effects = FakeEffects()
    reported = await call_tool(tools.make_file, given, effects)
    assert reported == {
        "fileId": "saved-1", "fileName": given["name"], "mimeType": media_type, "size": len(raw),
    }  # fmt: skip
    assert (effects.saved[0].content, effects.saved[0].media_type) == (raw, media_type)


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        ({"name": "a.txt", "content": [1]}, "content must be a text"),
        (
            {"name": "a.csv", "format": "csv", "content": 5},
            "csv needs a list of objects or of lists, not a number",
        ),
        (
            {"name": "a.csv", "format": "csv", "content": True},
            "csv needs a list of objects or of lists, not a boolean",
        ),
        ({"name": "a.csv", "format": "csv", "content": "text"}, "needs a list"),
        ({"name": "../a.txt", "content": ""}, "name must be the name of a file, without a path"),
        ({"name": "a.txt", "content": "", "format": "pdf"}, "format"),
    ],
)
async def test_invalid_arguments_are_reported(given: JsonObject, reported: str) -> None:
    with pytest.raises(StepBroke, match=reported) as broke:
        await call_tool(tools.make_file, given)
    assert broke.value.error.type == "InvalidToolInput"


async def test_files_in_an_archive_have_unique_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = [StoredFile("1", "a.txt", "text/plain", b"one"), StoredFile("2", "a.txt", "text/plain", b"two"),
             StoredFile("3", "../../b", "text/plain", b"three")]  # fmt: skip
    effects = FakeEffects(files=files)
    given: JsonObject = {"name": "all.zip", "files": ["1", "2", "3"]}
    reported = await call_tool(tools.zip_files, given, effects)
    with zipfile.ZipFile(io.BytesIO(effects.saved[0].content)) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    assert held == {"a.txt": b"one", "a (2).txt": b"two", "b": b"three"}
    assert await call_tool(tools.zip_files, given, effects) == reported, (
        "the same files are the same"
    )
    monkeypatch.setattr(tools, "MOST_BYTES", 10)
    with pytest.raises(StepBroke, match="more than the 10 bytes"):
        await call_tool(tools.zip_files, given, effects)


ANSWER = http_response(content=b"%PDF-1", headers={"content-type": "application/pdf; x=1"})


@pytest.mark.parametrize(
    ("step", "name"),
    [
        ({"url": "https://a.example/files/report%202.pdf?x=1"}, "report 2.pdf"),
        ({"url": "https://a.example/"}, "download"),
        ({"url": "https://a.example/x", "fileName": "{{ data.n }}/1.pdf"}, "5_1.pdf"),
    ],
)
async def test_an_answer_is_saved_as_a_file(step: JsonObject, name: str) -> None:
    effects = FakeEffects(responses=[ANSWER])
    output: JsonObject = {"id": {"type": "file", "value": "{{ response.file.fileId }}"}}
    whole = {**step, "saveAs": "file", "output": output}
    trial = StepTrial(CallApi(), whole, data={"n": 5}, effects=effects)
    done = await trial.execute()
    assert isinstance(done, Done)
    assert isinstance(done.output, dict)
    assert done.output["file"] == {
        "fileId": "saved-1", "fileName": name, "mimeType": "application/pdf", "size": 6,
    }  # fmt: skip
    assert "body" not in done.output
    assert trial.data == {"id": "saved-1"}
    assert effects.saved[0].content == b"%PDF-1"


@pytest.mark.parametrize(
    "step",
    [{"saveAs": "file", "responseType": "json"}, {"fileName": "x"}, {"saveAs": "folder"}],
)
def test_settings_without_effect_are_refused(step: JsonObject) -> None:
    with pytest.raises(InvalidDefinition):
        StepTrial(CallApi(), {"url": "https://a.example", **step})


def test_many_files_of_one_name_are_renamed_in_linear_time() -> None:
    def named(count: int) -> None:
        held: set[str] = set()
        numbers: dict[str, int] = {}
        for _ in range(count):
            held.add(tools.unused_name("a.txt", held, numbers))
        assert f"a ({count}).txt" in held

    assert lines_of(partial(named, 400)) <= 5 * lines_of(partial(named, 100))


async def test_rows_without_common_keys_do_not_make_a_quadratic_table() -> None:
    rows = [{f"c{n}": n} for n in range(400)]
    with pytest.raises(StepBroke, match="400 rows of 400 columns are more than 100,000 cells"):
        await call_tool(tools.make_file, {"name": "a.csv", "format": "csv", "content": rows})
