"""Streams without the marks of server-sent events, and answers whose choices are out of order."""

import json

import pytest

from tests.app.llm.test_model_answers import EVENTS, TEXT, answer_of, chunk

LINES = {"content-type": "application/x-ndjson"}


@pytest.mark.parametrize("cut", [0, 1, 7])
@pytest.mark.parametrize("headers", [LINES, EVENTS])
@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
async def test_a_line_that_is_a_document_is_an_event(
    headers: dict[str, str], line_break: str, cut: int
) -> None:
    lines = [chunk({"content": TEXT[:8]}), chunk({"content": TEXT[8:] + "ü"}), chunk({}, "stop")]
    content = line_break.join(json.dumps(line, ensure_ascii=False) for line in lines)
    assert (await answer_of(content.encode(), headers, cut=cut)).text == f"{TEXT}ü"


async def test_a_whole_answer_that_is_called_a_stream_is_read() -> None:
    choices = [{"index": 1, "message": {"content": "another"}, "finish_reason": "stop"},
               {"index": 0, "message": {"content": TEXT}, "finish_reason": "stop"}]  # fmt: skip
    content = json.dumps({"choices": choices}).encode()
    assert (await answer_of(content, EVENTS, cut=5, stream=True)).text == TEXT
    assert (await answer_of(content)).text == TEXT
