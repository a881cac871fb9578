"""Which parts of a file a model receives, and how it learns what is missing."""

from typing import Any

import pytest

from steps.effects.chat import TextPart
from steps.effects.stored_file import StoredFile
from steps.models.attachments import as_part
from steps.testing import FakeEffects

READ: dict[str, Any] = {"text": "the text", "truncated": False, "leftOut": []}


async def shown(name: str, content: bytes, **result: Any) -> str:
    file = StoredFile("f1", name, "application/octet-stream", content)
    tools = {"extract-document": READ | result}
    part = await as_part("f1", ("images",), FakeEffects(files=[file], tool_results=tools))
    assert isinstance(part, TextPart)
    return part.text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.eml", b"From: a@example.com\n\n<b>hi</b>"),
        ("a.msg", b"\xd0\xcf\x11\xe0"),
        ("a.epub", b"PK\x03\x04"),
        ("a", b"\r\n%PDF-1.7"),
        ("a", b"{\\rtf1}"),
    ],
)
async def test_a_document_is_passed_as_text(name: str, content: bytes) -> None:
    assert await shown(name, content) == f"File {name}:\n\nthe text"


async def test_the_model_learns_which_parts_of_a_file_are_missing() -> None:
    text = await shown("a.pdf", b"%PDF-", truncated=True, leftOut=["page 2", "a picture"])
    assert text.endswith("\n\n(Not in this text: page 2; a picture.)\n\n(The file continues.)")
