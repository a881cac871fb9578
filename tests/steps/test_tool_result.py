"""What a model is told of a tool's result."""

import base64
from typing import Any

import pytest

from steps.chat import ImagePart, TextPart
from steps.tool_result import shown

DATA = base64.b64encode(b"x" * 3_000).decode()
PICTURE = {"type": "image", "mimeType": "image/png", "data": DATA}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ("plain", ["plain"]),
        ({"sum": 3}, ['{"sum": 3}']),
        ({"content": [text("12 EUR")], "text": "12 EUR"}, ["12 EUR"]),
        ({"content": [text("a"), text("b")], "text": "a\nb"}, ["a", "b"]),
        ({"content": [], "text": ""}, ['{"content": [], "text": ""}']),
        ({"content": [text("a")], "text": "b", "n": 1}, ['{"text": "b", "n": 1}', "a"]),
        ({"content": "a report", "text": "a"}, ['{"content": "a report", "text": "a"}']),
        ({"content": [{"type": "paragraph"}]}, ['{"content": [{"type": "paragraph"}]}']),
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
def test_a_result_is_told_once_and_without_bytes(result: Any, told: list[Any]) -> None:
    parts = [TextPart(part) if isinstance(part, str) else part for part in told]
    assert shown(result, 10_000) == tuple(parts)


def test_a_long_result_is_cut() -> None:
    content = [text("a" * 60), text("b" * 60), text("c" * 60)]
    assert shown({"content": content}, 100) == (TextPart("a" * 60), TextPart("b" * 40))
