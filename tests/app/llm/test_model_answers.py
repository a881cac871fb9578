"""Model answers that deviate from the protocol: content is used, and errors are shown."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import httpx2
import pytest

from app.llm import anthropic_answer, openai_answer
from app.llm.endpoint import Endpoint
from app.llm.failures import Asked, ProviderError, Unreadable, broke, without_key
from app.llm.pieces import merged
from app.llm.received import events
from app.llm.thoughts import without_thoughts
from app.llm.transport import model_client
from app.outbound.way_out import WayOut
from app.settings.llm import ModelDocument
from engine import Json, JsonObject
from steps.effects.chat import ChatAnswer, ToolCall, ToolSpec, Usage
from tests.harness.asking import KEY, says
from tests.harness.bytes_server import saying

ARGUMENTS: JsonObject = {"name": "Ada", "age": 36}
TEXT = json.dumps(ARGUMENTS)
REQUEST = says("x" * 400)
EVENTS = {"content-type": "text/event-stream; charset=utf-8"}


class Chunks(httpx2.AsyncByteStream):
    def __init__(self, chunks: Sequence[bytes]) -> None:
        self.chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk


async def answer_of(content: bytes, headers: dict[str, str] | None = None, provider: Any = "openai", cut: int = 0, stream: bool = False, tools: Sequence[ToolSpec] = ()) -> ChatAnswer:  # fmt: skip
    size = cut or len(content) or 1
    body = Chunks([content[at : at + size] for at in range(0, len(content), size)])
    request = httpx2.Request("POST", "http://model.test/")
    response = httpx2.Response(200, headers=headers or {}, stream=body, request=request)
    settings = ModelDocument(provider=provider, model="m", stream=stream)
    endpoint = Endpoint(settings, "http://model.test", None, None)
    read = openai_answer.read if provider == "openai" else anthropic_answer.read
    return await read(endpoint, replace(REQUEST, tools=tuple(tools)), response)


async def openai(message: Any, finish: Any = "stop", **more: Any) -> ChatAnswer:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return await answer_of(json.dumps({"choices": [choice], "model": "m", **more}).encode())


async def streamed(*chunks: Any, cut: int = 0) -> ChatAnswer:
    texts = [chunk if isinstance(chunk, str) else f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]  # fmt: skip
    return await answer_of("".join(texts).encode(), EVENTS, cut=cut)


def chunk(delta: Any, finish: Any = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def call(arguments: Any = TEXT, name: Any = "f", call_id: Any = "c1", **more: Any) -> Any:
    return {"tool_calls": [{"id": call_id, "function": {"name": name, "arguments": arguments}, **more}]}  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        [{"type": "text", "text": TEXT}],
        [{"type": "text", "text": TEXT[:9]}, {"type": "output_text", "text": {"value": TEXT[9:]}}],
        [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, TEXT],
        f"<think>\nIs it {{her}}?\n</think>\n\n{TEXT}",
        {"type": "text", "text": TEXT},
        ARGUMENTS,
    ],
)
async def test_a_text_is_found_in_every_shape(content: Any) -> None:
    assert (await openai({"content": content})).text == TEXT
    assert (await streamed(chunk({"content": content}), chunk({}, "stop"))).text == TEXT


@pytest.mark.parametrize(
    ("usage", "found"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 7}, Usage(5, 7)),
        ({"input_tokens": 5, "output_tokens": "7"}, Usage(5, 7)),
        ({"prompt_tokens": 5, "total_tokens": 12}, Usage(5, 7)),
        ({"prompt_tokens": 5, "completion_tokens": None}, Usage(5, 10, estimated=True)),
        ({"prompt_tokens": -1, "completion_tokens": True}, Usage(104, 10, estimated=True)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Usage(104, 10, estimated=True)),
        ({}, Usage(104, 10, estimated=True)),
        (None, Usage(104, 10, estimated=True)),
        ("many", Usage(104, 10, estimated=True)),
    ],
)
async def test_missing_token_counts_are_estimated(usage: Any, found: Usage) -> None:
    text = "y" * 40
    assert (await openai({"content": text}, usage=usage)).usage == found
    assert (await streamed(chunk({"content": text}, "stop", usage=usage))).usage == found
    kept = (await openai({"content": text}, usage=usage)).to_json()["usage"]
    assert isinstance(kept, dict)
    assert kept.get("estimated", False) is found.estimated


@pytest.mark.parametrize("place", ["choice", "x_groq"])
async def test_token_counts_are_found_in_other_places(place: str) -> None:
    counts = {"prompt_tokens": 5, "completion_tokens": 7}
    last = chunk({"content": "y"}, "stop", usage=None)
    if place == "choice":
        last["choices"][0]["usage"] = counts
    else:
        last["x_groq"] = {"id": "req", "usage": counts}
    assert (await streamed(last, {"choices": [], "usage": None})).usage == Usage(5, 7)
    whole = {**last, "choices": [{**last["choices"][0], "message": {"content": "y"}}]}
    assert (await answer_of(json.dumps(whole).encode())).usage == Usage(5, 7)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (TEXT, ARGUMENTS),
        (ARGUMENTS, ARGUMENTS),
        (f"```json\n{TEXT}\n```", ARGUMENTS),
        (json.dumps(TEXT), ARGUMENTS),
        (None, {}),
        ("", {}),
        (" null ", {}),
        ([1], None),
        ('{"a": {"name": "Ada", "age": 36}', None),
    ],
)
async def test_arguments_are_read_in_every_shape_but_never_in_part(arguments: Any, found: Any) -> None:  # fmt: skip
    (only,) = (await openai(call(arguments))).tool_calls
    assert only.arguments == found
    (only,) = (await streamed(chunk(call(arguments)), chunk({}, "tool_calls"))).tool_calls
    assert only.arguments == found


async def test_a_call_may_lack_the_function_object() -> None:
    flat = {"tool_calls": [{"id": "c1", "name": "f", "arguments": TEXT}]}
    for found in (await openai(flat), await streamed(chunk(flat), chunk({}, "tool_calls"))):
        assert [(one.name, one.arguments) for one in found.tool_calls] == [("f", ARGUMENTS)]


async def test_names_and_ids_are_made_usable() -> None:
    said = {"tool_calls": [*call(name=" f", call_id=7)["tool_calls"], *call(call_id=7)["tool_calls"],
                           *call(call_id=None)["tool_calls"], {"id": "x", "function": None}]}  # fmt: skip
    found = await openai(said)
    assert [(item.id, item.name) for item in found.tool_calls] == [("7", "f"), ("call00001", "f"), ("call00002", "f")]  # fmt: skip
    (old,) = (await openai({"function_call": {"name": "f", "arguments": TEXT}})).tool_calls
    assert (old.name, old.arguments) == ("f", ARGUMENTS)


@pytest.mark.parametrize("cut", [0, 1, 7])
@pytest.mark.parametrize(
    "odd",
    [
        "event: ping\ndata: {}\n\n",
        "data:\n\n",
        ": still here\r\n\r\n",
        {"choices": None},
        {"choices": [{"index": 0, "delta": None}]},
        {"choices": [{"index": 1, "delta": {"content": "another answer"}}]},
        {"usage": {"prompt_tokens": 5, "completion_tokens": 7}},
        "data: 1\n\n",
    ],
)
async def test_extra_lines_of_a_stream_are_ignored(odd: Any, cut: int) -> None:
    pieces = [odd, chunk({"content": TEXT[:8]}), odd, chunk({"content": TEXT[8:]}), odd, chunk({}, "stop"), odd]  # fmt: skip
    assert (await streamed(*pieces, "data: [DONE]\n\n", cut=cut)).text == TEXT


async def test_a_stream_is_complete_with_its_done_mark_or_a_finish_reason() -> None:
    assert (await streamed(chunk({"content": TEXT}), "data: [DONE]\n\n")).text == TEXT
    assert (await streamed(chunk({"content": TEXT}, "stop"))).text == TEXT
    with pytest.raises(Unreadable, match="ended before"):
        await streamed(chunk({"content": TEXT}))
    with pytest.raises(Unreadable, match="no answer"):
        await streamed("data: [DONE]\n\n")
    after = "data: the connection stays open\n\n"
    assert (await streamed(chunk({"content": TEXT}), "data: [DONE]\n\n", after)).text == TEXT


async def test_a_stream_may_begin_with_a_byte_order_mark() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    client = model_client([ip_network("127.0.0.0/8")], WayOut(), 1)
    with saying(head + b"\xef\xbb\xbfdata: {}\n\n") as address:
        async with client, client.stream("POST", address) as response:
            assert [event async for event in events(response)] == [{}]


async def test_the_media_type_says_whether_it_is_a_stream() -> None:
    whole = json.dumps({"choices": [{"message": {"content": TEXT}}]}).encode()
    assert (await answer_of(b"\xef\xbb\xbf\n  " + whole, {"content-type": "text/plain"})).text == TEXT  # fmt: skip


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/octet-stream"])
async def test_a_requested_stream_needs_no_stream_media_type(media_type: str) -> None:
    text = f"data: {json.dumps(chunk({'content': TEXT}, 'stop'))}\n\n".encode()
    found = await answer_of(text, {"content-type": media_type} if media_type else {}, stream=True)
    assert found.text == TEXT
    with pytest.raises(Unreadable, match="not JSON"):
        await answer_of(b"<html>", {"content-type": "text/html"}, stream=True)


async def test_split_characters_are_joined() -> None:
    halves = [chunk({"content": "\ud83d"}), chunk({"content": "\ude00"}, "stop")]
    assert (await streamed(*halves)).text == "\N{GRINNING FACE}"
    assert (await openai({"content": "a\ud83d"})).text == "a\ufffd"


async def test_streamed_calls_are_told_apart_by_index_id_or_name() -> None:
    def piece(**of_it: Any) -> Any:
        return chunk({"tool_calls": [of_it]})

    def function(name: Any, arguments: str) -> Any:
        return {"name": name, "arguments": arguments}

    end = chunk({}, "tool_calls")
    by_index = [piece(index=n, id=f"c{n}", function=function("f", TEXT[:5])) for n in (0, 1)]
    by_index += [piece(index=n, id=None, function=function(None, TEXT[5:])) for n in (0, 1)]
    by_id = [piece(index=0, id=f"c{n}", function=function("f", TEXT)) for n in (0, 1)]
    by_name = [piece(function=function("f", TEXT)) for _ in (0, 1)]
    for pieces in (by_index, by_id, by_name):
        found = (await streamed(*pieces, end)).tool_calls
        assert [item.arguments for item in found] == [ARGUMENTS, ARGUMENTS]


ERRORS = [
    ({"error": {"message": "context length exceeded", "code": 400}, "choices": None}, "ContextTooLong"),
    ({"error": {"message": "no luck", "type": "rate_limit_error"}}, "RateLimited"),
    ({"error": {"message": "no luck", "status": "RESOURCE_EXHAUSTED"}}, "RateLimited"),
    ({"error": {"message": "Provider error", "code": 502, "metadata": {"raw": "x"}}}, "ModelFailed"),
    ({"error": "no luck"}, "ModelFailed"),
    ([{"error": {"code": 429, "message": "no luck"}}], "RateLimited"),
    ({"object": "error", "message": "too long", "code": 400}, "ModelRejected"),
    ({"error": {"message": "prompt is too long: 212 tokens > 200 maximum", "code": 400}}, "ContextTooLong"),
    ({"error": {"message": "request exceeds the available context size", "code": 400}}, "ContextTooLong"),
    ({"choices": [{"error": {"code": 429, "message": "busy"}, "message": {"content": ""}}]}, "RateLimited"),
    ({"choices": [{"finish_reason": "error", "message": {}}], "error": {"message": "busy", "code": "503"}}, "Overloaded"),
    ({"detail": "no luck"}, "ModelFailed"),
    ({"odd": "no luck"}, "InvalidResponse"),
    ({"choices": [{"finish_reason": "tool_calls", "message": {"content": "", "note": "no luck"}}]}, "InvalidResponse"),
    ("no luck", "InvalidResponse"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "kind"), ERRORS)
async def test_an_error_in_a_successful_response_keeps_its_type_and_message(
    body: Any, kind: str
) -> None:
    with pytest.raises((ProviderError, Unreadable)) as failure:
        await answer_of(json.dumps(body).encode())
    found = broke(failure.value, Asked("m", "host", (KEY,)), 0)
    assert found is not None
    assert found.error.type == kind
    words = (
        "context length exceeded",
        "no luck",
        "Provider error",
        "too long",
        "busy",
        "context size",
    )
    assert any(word in found.error.message for word in words), found.error.message


async def test_an_error_in_a_stream_is_reported_also_after_partial_content() -> None:
    for error in ({"error": {"message": "busy", "code": 529}}, 'event: error\ndata: {"message": "busy", "code": 529}\n\n',
                  {"choices": [{"index": 0, "delta": {}, "error": {"message": "busy", "code": 529}}]}):  # fmt: skip
        with pytest.raises(ProviderError) as failure:
            await streamed(chunk({"content": "He"}), error)
        found = broke(failure.value, Asked("m", "host", (KEY,)), 0)
        assert found is not None
        assert (found.error.type, "busy" in found.error.message) == ("Overloaded", True)


async def test_an_answer_with_an_empty_error_is_an_answer() -> None:
    assert (await openai({"content": TEXT}, error=None)).text == TEXT
    assert (await openai({"content": TEXT}, error={"message": "a warning"})).text == TEXT


def test_no_part_of_a_key_is_shown() -> None:
    key = "sk-proj-abcdEFGH1234567890"
    reported = f"Incorrect API key provided: sk-proj-********7890 or {key}. See the page."
    shown = without_key(reported, key)
    assert shown == "Incorrect API key provided: ************** or ***. See the page."
    assert without_key("none of it", "none") == "*** of it"
    assert without_key("as it is", "") == "as it is"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<think>plan</think>\n\nHello.", "Hello."),
        ("<THINKING>a</THINKING> <think>b</think>Hello.", "Hello."),
        ("plan\n</think>\n\nHello.", "Hello."),
        ("<think>never ends", ""),
        ("Use <think> and </think>.", "Use <think> and </think>."),
        ("  Hello. ", "  Hello. "),
        ("<thing>a</thing>", "<thing>a</thing>"),
        ("<think>a</reasoning>b", "<think>a</reasoning>b"),
        ("<think></think>" * 3 + " Hello.", "Hello."),
    ],
)
def test_reasoning_is_not_part_of_an_answer(text: str, shown: str) -> None:
    assert without_thoughts(text) == shown


SIGNED: Json = {"google": {"thought_signature": "c2ln"}}


async def test_provider_fields_of_calls_are_kept() -> None:
    said = {"content": None, "refusal": None, "reasoning_content": "hm hm", "empty": None,
            **call(type="function", extra_content=SIGNED)}  # fmt: skip
    whole = await openai(said, "tool_calls")
    assert whole.extra == {"reasoning_content": "hm hm"}
    assert whole.tool_calls == (ToolCall("c1", "f", ARGUMENTS, TEXT, {"extra_content": SIGNED}),)
    pieces = [chunk({"reasoning_content": "hm "}), chunk({"reasoning_content": "hm"}),
              chunk(call(index=0, type="function", extra_content=SIGNED)), chunk({}, "tool_calls")]  # fmt: skip
    in_pieces = await streamed(*pieces)
    assert (in_pieces.extra, in_pieces.tool_calls) == (whole.extra, whole.tool_calls)
    assert in_pieces.origin == "openai http://model.test"
    plain = await openai({"content": "Hello.", "reasoning_content": "hm"})
    assert plain.extra == {}


async def test_content_that_cannot_be_stored_does_not_lose_the_answer() -> None:
    found = await openai({"odd": float("nan"), "half": "\ud83d", **call()})
    assert (found.extra, found.tool_calls[0].arguments) == ({}, ARGUMENTS)


def test_streamed_objects_and_lists_are_joined() -> None:
    pieces: list[dict[str, Any]] = [
        {"details": [{"index": 0, "type": "reasoning.text", "text": "a"}], "n": 1},
        {"details": [{"index": 0, "type": "reasoning.text", "text": "b", "signature": "s"}]},
        {"details": [{"type": "more"}], "n": 2, "nothing": None},
    ]
    assert merged(pieces) == {
        "details": [
            {"index": 0, "type": "reasoning.text", "text": "ab", "signature": "s"},
            {"type": "more"},
        ],
        "n": 2,
    }


async def anthropic(*events: Any) -> ChatAnswer:
    text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return await answer_of(text.encode(), EVENTS, "anthropic")


THOUGHT = {"type": "thinking", "thinking": "hm hm", "signature": "c2ln"}


@pytest.mark.parametrize(
    "more",
    [{}, {"usage": None}, {"usage": {}}, {"model": None, "new": {"a": 1}}, {"content": [THOUGHT, 5, {"type": "text", "text": TEXT}]}, {"content": TEXT}],
)  # fmt: skip
async def test_the_messages_api_is_read_as_leniently(more: dict[str, Any]) -> None:
    body = {"content": [{"type": "text", "text": TEXT}], "stop_reason": "end_turn", **more}
    found = await answer_of(json.dumps(body).encode(), {}, "anthropic")
    assert (found.text, found.model, found.usage) == (TEXT, "m", Usage(104, 7, estimated=True))


async def test_reasoning_of_the_messages_api_is_kept_with_calls() -> None:
    use = {"type": "tool_use", "id": "t1", "name": "f", "input": ARGUMENTS}
    body = {"content": [THOUGHT, use], "stop_reason": "tool_use", "usage": {"input_tokens": 5, "output_tokens": 7}}  # fmt: skip
    whole = await answer_of(json.dumps(body).encode(), {}, "anthropic")
    assert (whole.extra, whole.usage) == ({"blocks": [THOUGHT]}, Usage(5, 7))
    in_pieces = await anthropic(
        {"type": "message_start", "message": {"content": [], "usage": {"input_tokens": 5}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm "}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}},
        {"type": "content_block_start", "index": 1, "content_block": use},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    )  # fmt: skip
    assert (in_pieces.extra, in_pieces.usage) == (whole.extra, whole.usage)
    assert in_pieces.tool_calls[0].arguments == ARGUMENTS


@pytest.mark.parametrize("kind", ["overloaded_error", "invalid_request_error"])
async def test_an_error_of_the_messages_api_is_reported(kind: str) -> None:
    body = {"type": "error", "error": {"type": kind, "message": "no luck"}}
    for content, headers in ((json.dumps(body), {}), (f"data: {json.dumps(body)}\n\n", EVENTS)):
        with pytest.raises(ProviderError) as failure:
            await answer_of(content.encode(), headers, "anthropic")
        found = broke(failure.value, Asked("m", "host", (KEY,)), 0)
        assert found is not None
        assert found.error.type == {"o": "Overloaded", "i": "ModelRejected"}[kind[0]]
        assert "no luck" in found.error.message
