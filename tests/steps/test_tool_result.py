"""Tool results as a model receives them."""

import base64
import json
from typing import Any

import pytest

from steps.effects.chat import ImagePart, TextPart
from steps.tools.result import shown

DATA = base64.b64encode(b"x" * 3_000).decode()
PICTURE = {"type": "image", "mimeType": "image/png", "data": DATA}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


@pytest.mark.parametrize(
    ("result", "reported"),
    [
        ("plain", ["plain"]),
        ({"sum": 3}, ['{"sum": 3}']),
        ({"content": [text("12 EUR")], "text": "12 EUR"}, ["12 EUR"]),
        ({"content": [text("a"), text("b")], "text": "a\nb"}, ["a", "b"]),
        ({"content": [], "text": ""}, ['{"content": [], "text": ""}']),
        ({"content": [text("a")], "text": "b", "n": 1}, ['{"text": "b", "n": 1}', "a"]),
        ({"content": "a report", "text": "a"}, ['{"content": "a report", "text": "a"}']),
        ({"content": [{"type": "paragraph"}]}, ['{"content": [{"type": "paragraph"}]}']),
        ({"content": [{"type": []}, {"type": {}}]}, ['{"content": [{"type": []}, {"type": {}}]}']),
        ({"content": [text("")], "text": ""}, ["(nothing)"]),
        ({"content": [PICTURE, text("a shot")], "text": "a shot"}, [ImagePart("image/png", b"x" * 3_000), "a shot"]),
        ({"n": 1, "content": [PICTURE]}, ['{"n": 1}', ImagePart("image/png", b"x" * 3_000)]),
        ({"content": [{**PICTURE, "mimeType": "image/tiff"}]}, ["(picture, image/tiff, 3,000 bytes)"]),
        ({"content": [{**PICTURE, "data": "%%%%"}]}, ["(picture, image/png, 3 bytes)"]),
        ({"content": [{"type": "image", "mimeType": "image/png", "size": 2_000_000, "omitted": True}]},
         ["(picture, image/png, 2,000,000 bytes)"]),
        ({"content": [{"type": "audio", "mimeType": "audio/wav", "data": DATA}]}, ["(audio, audio/wav, 3,000 bytes)"]),
        ({"content": [{"type": "resource", "resource": {"uri": "file:///a", "text": "body"}}], "text": "body"}, ["body"]),
        ({"content": [{"type": "resource", "resource": {"uri": "file:///a", "mimeType": "application/pdf", "blob": DATA}}]},
         ["(file, file:///a, application/pdf, 3,000 bytes)"]),
        ({"content": [{"type": "resource_link", "name": "Plan", "uri": "file:///p", "description": "the plan", "size": 12}]},
         ["(link, Plan, file:///p, 12 bytes, the plan)"]),
    ],
)  # fmt: skip
def test_a_result_is_passed_once_and_without_bytes(result: Any, reported: list[Any]) -> None:
    parts = [TextPart(part) if isinstance(part, str) else part for part in reported]
    assert shown(result, 10_000) == tuple(parts)


def test_a_long_result_is_cut_and_says_so() -> None:
    content: list[Any] = [text("a" * 60), PICTURE, text("b" * 60), text("c" * 60)]
    first, picture, second, mark = shown({"content": content}, 100)
    assert (first, second) == (TextPart("a" * 60), TextPart("b" * 40))
    assert isinstance(picture, ImagePart)
    assert isinstance(mark, TextPart)
    assert "80 of 180 characters are left out" in mark.text


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize(
    "value",
    [
        {"rows": [{"n": n, "text": "x" * 50} for n in range(1_000)], "after": 1},
        ["y" * 5_000],
        {str(n): n for n in range(5_000)},
        [[[["deep"] * 500] * 2] * 2] * 2,
    ],
)
def test_json_that_is_cut_stays_valid(value: Any, as_text: bool) -> None:
    result = json.dumps(value) if as_text else value
    (reported, mark) = shown(result, 1_000)
    assert isinstance(reported, TextPart)
    assert isinstance(mark, TextPart)
    assert 900 < len(reported.text) < 1_300
    found = json.loads(reported.text)
    assert type(found) is type(value)
    assert " more " in reported.text
    first = next(iter(found.values())) if isinstance(found, dict) else found[0]
    whole = next(iter(value.values())) if isinstance(value, dict) else value[0]
    assert type(first) is type(whole)


def test_a_key_that_is_too_long_is_left_out() -> None:
    reported, _mark = shown({"a": 1, "k" * 5_000: 2, "c": 3}, 1_000)
    assert isinstance(reported, TextPart)
    assert json.loads(reported.text) == {"a": 1, "...": "(2 more keys)"}


def test_deeply_nested_values_are_cut() -> None:
    value: Any = "x" * 2_000
    for _ in range(300):
        value = [value]
    (reported, _mark) = shown(value, 1_000)
    assert isinstance(reported, TextPart)
    assert "nested too deep" in reported.text
