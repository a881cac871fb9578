"""Both model protocols over real sockets: answers, conversations, keys, choice of the model."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from steps.contract.step_type import StepBroke
from steps.effects.chat import (
    ChatRequest,
    ImagePart,
    Message,
    TextPart,
    ToolCall,
    ToolSpec,
    Usage,
)
from tests.harness.asking import KEY, PROVIDERS, ask, model, models_of, says
from tests.harness.model_server import ModelServer, Reply, Request

SCHEMA: Any = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
LOOK_UP = ToolSpec(
    "look_up",
    "Looks a city up",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_text_is_returned_with_usage_and_model(tmp_path: Path, provider: str, stream: bool) -> None:  # fmt: skip
    with ModelServer(Reply("Paris is the capital.", input_tokens=21, output_tokens=9)) as server:
        answer = await ask(tmp_path, server, provider, says("capital?"), stream=stream)
    assert answer.text == "Paris is the capital."
    assert (answer.finish, answer.model) == ("stop", "m-2026")
    assert answer.usage == Usage(21, 9)
    assert answer.latency_ms >= 0
    (request,) = server.requests
    assert request.wire == provider
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.asked == "capital?"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_tool_calls_are_returned_with_their_arguments(tmp_path: Path, provider: str, stream: bool) -> None:  # fmt: skip
    wanted = [("look_up", {"city": "Paris"}), ("look_up", {"city": "Rome"})]
    with ModelServer(Reply(tool_calls=wanted)) as server:
        request = says("look", tools=(LOOK_UP,))
        answer = await ask(tmp_path, server, provider, request, stream=stream)
    assert answer.finish == "tool_calls"
    assert [(call.id, call.name, call.arguments) for call in answer.tool_calls] == [
        ("call_0", "look_up", {"city": "Paris"}),
        ("call_1", "look_up", {"city": "Rome"}),
    ]
    (tool,) = server.requests[0].body["tools"]
    reported = tool["function"] if provider == "openai" else tool
    assert reported["name"] == "look_up"
    assert reported["parameters" if provider == "openai" else "input_schema"] == LOOK_UP.schema


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_broken_arguments_are_none_with_their_text(tmp_path: Path, provider: str, stream: bool) -> None:  # fmt: skip
    with ModelServer(Reply(tool_calls=[("look_up", "[not json")])) as server:
        answer = await ask(tmp_path, server, provider, says("look"), stream=stream)
    (call,) = answer.tool_calls
    assert call.arguments is None
    assert "[not json" in call.text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("finish", ["length", "refusal"])
async def test_truncated_and_refused_answers_are_marked(tmp_path: Path, provider: str, stream: bool, finish: Any) -> None:  # fmt: skip
    with ModelServer(Reply("I cannot", finish=finish)) as server:
        answer = await ask(tmp_path, server, provider, says("hi"), stream=stream)
    assert (answer.finish, answer.text) == (finish, "I cannot")


async def test_streamed_calls_without_an_index_are_told_apart(tmp_path: Path) -> None:
    calls = [{"id": f"c{n}", "function": {"name": f"f{n}", "arguments": "{}"}} for n in (1, 2)]
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]} for call in calls]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    text = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode()
    with ModelServer(Reply(raw=text, headers={"content-type": "text/event-stream"})) as server:
        answer = await ask(tmp_path, server, "openai", says("hi"), stream=True)
    assert [(call.id, call.name) for call in answer.tool_calls] == [("c1", "f1"), ("c2", "f2")]


async def test_the_last_event_of_a_stream_needs_no_blank_line(tmp_path: Path) -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "Paris"}}]}
    text = f"data: {json.dumps(chunk)}\n\ndata: [DONE]".encode()
    with ModelServer(Reply(raw=text, headers={"content-type": "text/event-stream"})) as server:
        assert (await ask(tmp_path, server, "openai", says("hi"), stream=True)).text == "Paris"


async def test_a_content_filter_is_a_refusal(tmp_path: Path) -> None:
    body = {"choices": [{"message": {"content": None}, "finish_reason": "content_filter"}]}
    with ModelServer(Reply(raw=json.dumps(body).encode())) as server:
        assert (await ask(tmp_path, server, "openai", says("hi"))).finish == "refusal"


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_whole_conversation_is_sent_in_the_providers_format(tmp_path: Path, provider: str) -> None:  # fmt: skip
    call = ToolCall("c1", "look_up", {"city": "Paris"})
    broken = ToolCall("c2", "look_up", None, "[oops")
    messages = (
        Message("system", (TextPart("Be brief."),)),
        Message("user", (TextPart("What is this?"), ImagePart("image/png", b"png"))),
        Message("assistant", (TextPart("I look."),), (call, broken)),
        Message("tool", (TextPart("a city"),), tool_call_id="c1"),
        Message("tool", (TextPart("wrong arguments"),), tool_call_id="c2"),
    )
    request = ChatRequest("m", messages, temperature=0.5, max_tokens=50)
    with ModelServer(Reply("ok")) as server:
        await ask(tmp_path, server, provider, request)
    body = server.requests[0].body
    assert (body["temperature"], body["max_tokens"], body["model"]) == (0.5, 50, "m")
    if provider == "openai":
        system, user, assistant, first, second = body["messages"]
        assert system == {"role": "system", "content": "Be brief."}
        assert user["content"][1]["image_url"]["url"] == "data:image/png;base64,cG5n"
        reported = [item["function"]["arguments"] for item in assistant["tool_calls"]]
        assert reported == ['{"city": "Paris"}', '{"unreadable": "[oops"}']
        assert (first["role"], first["content"]) == ("tool", "a city")
        sent = [item["id"] for item in assistant["tool_calls"]]
        results = [first["tool_call_id"], second["tool_call_id"]]
    else:
        assert body["system"] == "Be brief."
        user, assistant, reported = body["messages"]
        source = {"type": "base64", "media_type": "image/png", "data": "cG5n"}
        assert user["content"][1] == {"type": "image", "source": source}
        assert [block["type"] for block in assistant["content"]] == ["text", "tool_use", "tool_use"]
        sent = [block["id"] for block in assistant["content"][1:]]
        results = [block["tool_use_id"] for block in reported["content"]]
    # Ids of another provider are sent in the form that all providers accept.
    assert sent == results
    assert all(re.fullmatch("[a-zA-Z0-9]{9}", call_id) for call_id in sent)
    assert len({*sent}) == 2


@pytest.mark.parametrize(("provider", "images", "is_shown"), [
    ("openai", None, False), ("openai", True, True), ("anthropic", None, True), ("anthropic", False, False),
])  # fmt: skip
async def test_images_from_tools_are_sent_to_models_that_accept_them(tmp_path: Path, provider: str, images: bool | None, is_shown: bool) -> None:  # fmt: skip
    calls = (ToolCall("c1", "shoot", {}), ToolCall("c2", "shoot", {}))
    messages = (
        *says("shoot").messages,
        Message("assistant", (), calls),
        Message("tool", (ImagePart("image/png", b"png"), TextPart("a shot")), tool_call_id="c1"),
        Message("tool", (ImagePart("image/png", b"png"),), tool_call_id="c2"),
    )
    with ModelServer(Reply("ok")) as server:
        await ask(tmp_path, server, provider, ChatRequest("m", messages), images=images)
    sent = server.requests[0].body["messages"]
    assert ("cG5n" in json.dumps(sent)) is is_shown
    assert ("(picture, image/png, 3 bytes;" in json.dumps(sent)) is not is_shown
    assert "a shot" in json.dumps(sent)
    if provider == "openai":
        roles = ["user", "assistant", "tool", "tool", *(["user"] if is_shown else [])]
        assert [message["role"] for message in sent] == roles
    if is_shown and provider == "openai":
        assert [part["type"] for part in sent[-1]["content"]] == ["text", "image_url"] * 2


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_provider_fields_are_sent_back_to_that_provider_only(tmp_path: Path, provider: str) -> None:  # fmt: skip
    thought = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    extra: Any = {"reasoning_content": "hm"} if provider == "openai" else {"blocks": [thought]}
    call = ToolCall("c1", "look_up", {"city": "Paris"}, extra={"extra_content": {"signature": "s"}})
    with ModelServer(Reply("ok")) as server:
        address = server.openai if provider == "openai" else server.anthropic
        for origin in (f"{provider} {address}", f"{provider} https://other.test", ""):
            said = Message("assistant", (), (call,), extra=extra, origin=origin)
            result = Message("tool", (TextPart("a city"),), tool_call_id="c1")
            request = ChatRequest("m", (*says("hi").messages, said, result))
            await ask(tmp_path / str(len(server.requests)), server, provider, request)
        first, *others = [request.body["messages"][1] for request in server.requests]
    if provider == "openai":
        assert first["reasoning_content"] == "hm"
        assert first["tool_calls"][0]["extra_content"] == {"signature": "s"}
    else:
        assert [block["type"] for block in first["content"]] == ["thinking", "tool_use"]
        assert first["content"][0] == thought
    for other in others:
        assert "hm" not in json.dumps(other)
        assert "signature" not in json.dumps(other)


async def test_openai_gets_a_strict_schema_where_possible(tmp_path: Path) -> None:
    loose = {**SCHEMA, "properties": {"city": {"type": "string", "minLength": 2}}}
    with ModelServer(Reply("{}")) as server:
        await ask(tmp_path / "a", server, "openai", says("hi", schema=SCHEMA))
        await ask(tmp_path / "b", server, "openai", says("hi", schema=loose))
    strict, plain = (request.body["response_format"] for request in server.requests)
    assert strict == {
        "type": "json_schema",
        "json_schema": {"name": "output", "schema": SCHEMA, "strict": True},
    }
    assert "strict" not in plain["json_schema"]


@pytest.mark.parametrize("mode", ["json_object", "prompt"])
async def test_a_server_without_json_schema_gets_the_schema_as_text(
    tmp_path: Path, mode: str
) -> None:
    with ModelServer(Reply("{}")) as server:
        await ask(tmp_path, server, "openai", says("hi", schema=SCHEMA), structured=mode)
    body = server.requests[0].body
    assert '"city"' in body["messages"][0]["content"]
    assert body.get("response_format") == ({"type": "json_object"} if mode == "json_object" else None)  # fmt: skip


async def test_anthropic_gets_the_schema_unless_it_is_open(tmp_path: Path) -> None:
    open_schema = {"type": "object", "properties": {"any": {"type": "object"}}}
    with ModelServer(Reply("{}")) as server:
        await ask(tmp_path / "a", server, "anthropic", says("hi", schema=SCHEMA))
        await ask(tmp_path / "b", server, "anthropic", says("hi", schema=open_schema))
    closed, opened = (request.body for request in server.requests)
    assert closed["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert "output_config" not in opened
    assert '"any"' in opened["system"]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_servers_environment_does_not_affect_requests(tmp_path: Path, provider: str, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID",
                 "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):  # fmt: skip
        monkeypatch.setenv(name, "leak")
    custom = "x-extra: leak\nAuthorization: Bearer leak\nx-api-key: leak"
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", custom)
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", custom)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with ModelServer() as server:
        await ask(tmp_path, server, provider, says("hi"), secret=None)
    (request,) = server.requests
    assert "leak" not in json.dumps(dict(request.headers))
    assert request.headers["authorization"] == "Bearer none"


async def test_a_key_from_the_environment_is_used_by_models_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    with ModelServer() as server:
        monkeypatch.setenv("MODEL_KEY", KEY)
        await ask(tmp_path, server, "openai", says("hi"), secret=None, keyEnv="MODEL_KEY")
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
        with pytest.raises(StepBroke, match="NO_SUCH_KEY") as broke:
            await ask(tmp_path, server, "openai", says("hi"), secret=None, keyEnv="NO_SUCH_KEY")
    assert broke.value.error.type == "ModelAuth"


async def test_a_tenants_model_takes_precedence_and_is_private(tmp_path: Path) -> None:
    with ModelServer(Reply("shared")) as shared, ModelServer(Reply("own")) as own:
        settings = {"models": {"m": model(shared, "openai")}, "allowed_networks": ["127.0.0.0/8"]}
        async with models_of(tmp_path, **settings) as (models, journal):
            await journal.models.put("acme", "m", json.dumps(model(own, "openai")), 1)
            assert (await models.chat("acme", says("hi"))).text == "own"
            assert (await models.chat("other", says("hi"))).text == "shared"


async def test_an_unknown_model_is_reported_with_the_nearest_name(tmp_path: Path) -> None:
    with ModelServer() as server:
        named = {"large": model(server, "openai"), "small": model(server, "openai")}
        async with models_of(tmp_path, models=named) as (models, _):
            with pytest.raises(StepBroke, match="did you mean small") as broke:
                await models.chat("acme", ChatRequest("smal", says("hi").messages))
            assert broke.value.error.type == "UnknownModel"
            with pytest.raises(StepBroke, match="no default"):
                await models.chat("acme", says("hi"))


async def test_the_default_model_is_the_named_one(tmp_path: Path) -> None:
    with ModelServer(Reply("a")) as first, ModelServer(Reply("b")) as second:
        named = {"a": model(first, "openai"), "b": model(second, "anthropic")}
        async with models_of(tmp_path, models=named, default_model="b") as (models, _):
            assert (await models.chat("acme", says("hi"))).text == "b"


async def test_a_default_model_that_does_not_exist_is_named_at_the_start(tmp_path: Path) -> None:
    with ModelServer() as server:
        named = {"large": model(server, "openai")}
        for default, told in (("large", []), ("lrage", [("lrage", "large")])):
            async with models_of(tmp_path, models=named, default_model=default) as (
                models,
                journal,
            ):
                with capture_logs() as lines:
                    await models.look_for_default()
                assert [(line["model"], line["known"]) for line in lines] == told
                await journal.models.put("acme", "lrage", "{}", 0)
                with capture_logs() as lines:
                    await models.look_for_default()
                assert not lines, "a tenant has one of that name"
                await journal.models.delete("acme", "lrage")


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_connections_are_reused(tmp_path: Path, provider: str) -> None:
    with ModelServer() as server:
        named = {"m": model(server, provider, stream=True)}
        async with models_of(tmp_path, models=named) as (models, _):
            for _number in range(3):
                await models.chat("acme", says("hi"))
    assert len({request.headers["x-connection"] for request in server.requests}) == 1


async def test_a_schema_as_text_is_added_to_the_instructions(tmp_path: Path) -> None:
    messages = (Message("system", (TextPart("Be brief."),)), *says("hi").messages)
    with ModelServer(Reply("{}")) as server:
        request = ChatRequest(None, messages, schema=SCHEMA)
        await ask(tmp_path, server, "openai", request, structured="prompt")
    system, _user = server.requests[0].body["messages"]
    assert system["content"].startswith("Be brief.")
    assert '"city"' in system["content"]


async def test_a_scripted_model_may_be_a_function(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply:
        return Reply(request.asked.upper())

    with ModelServer(answer) as server:
        assert (await ask(tmp_path, server, "anthropic", says("hi"))).text == "HI"
