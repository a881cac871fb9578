"""Helper functions for the tests of document readers: read one document in this process."""

from pathlib import Path
from typing import Any

import pytest

from app.tools.extraction.document import DocumentFailure, Limits
from app.tools.extraction.readers import read_document

FILES = Path(__file__).parent / "files"


def read(name: str, content: bytes | str, pages: int = 200, characters: int = 200_000) -> Any:
    """Return the result of reading a document."""
    content = content.encode() if isinstance(content, str) else content
    limits = Limits(pages, characters)
    return read_document(content, "application/octet-stream", name, limits).as_json()


def text_of(name: str, content: bytes | str) -> str:
    """Return the text of a document; assert that nothing was left out."""
    found = read(name, content)
    assert (found["leftOut"], found["truncated"]) == ([], False)
    return str(found["text"])


def failure_of(name: str, content: bytes | str) -> tuple[str, str]:
    """Return the reason why a document is refused."""
    with pytest.raises(DocumentFailure) as raised:
        read(name, content)
    return raised.value.type, str(raised.value)
