"""Streams without the marks of events, choices out of order, and calls that are hard to tell apart."""

import json

import pytest

from app.llm.endpoint import CallIds, Endpoint
from app.settings.llm import ModelDocument
from steps.effects.chat import Message, ToolCall
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


CALLS = [("f", {"a": 1}), ("g", {"b": 2})]


@pytest.mark.parametrize(
    "pieces",
    [
        [{"name": "f", "arguments": '{"a": 1}'}, {"name": "g", "arguments": '{"b": 2}'}],
        [{"name": "f", "arguments": '{"a"'}, {"name": "f", "arguments": ": 1}"},
         {"name": "g", "arguments": '{"b": '}, {"arguments": "2}"}],
    ],
)  # fmt: skip
async def test_calls_that_share_an_index_are_told_apart_by_their_arguments(
    pieces: list[dict[str, str]],
) -> None:
    lines = [chunk({"tool_calls": [{"index": 0, "function": piece}]}) for piece in pieces]
    content = "\n".join(map(json.dumps, [*lines, chunk({}, "tool_calls")])).encode()
    found = (await answer_of(content, LINES)).tool_calls
    assert [(call.name, call.arguments) for call in found] == CALLS


async def test_the_name_of_a_call_may_come_in_pieces() -> None:
    names = [{"name": "del"}, {"name": "iver", "arguments": "{}"}]
    lines = [chunk({"tool_calls": [{"index": 0, "id": "c", "function": name}]}) for name in names]
    content = "\n".join(map(json.dumps, [*lines, chunk({}, "tool_calls")])).encode()
    (call,) = (await answer_of(content, LINES)).tool_calls
    assert (call.id, call.name) == ("c", "deliver")


def test_an_id_that_comes_again_is_sent_under_another_one() -> None:
    endpoint = Endpoint(ModelDocument(provider="anthropic", model="m"), "http://x.test", None, None)
    ids = CallIds(endpoint)
    call = ToolCall("c1", "f", {}, "{}", {})
    sent = []
    for _ in range(3):
        sent += ids.of(Message("assistant", (), tool_calls=(call,), origin=endpoint.origin))
        assert ids.answered(Message("tool", (), tool_call_id="c1")) == sent[-1]
    assert sent[0] == "c1"
    assert len(set(sent)) == 3
