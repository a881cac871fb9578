"""call-llm asks a model, checks and records each answer, and asks again where it is invalid."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.llm.catalogue import Models
from engine import JsonObject
from steps.call_llm import CallLlm, CallLlmSettings
from steps.contract.step_type import Done, Outcome, StepBroke, StepInput
from steps.definition import compile_definition
from steps.document.problems import InvalidDefinition
from steps.effects.chat import ChatAnswer, ChatRequest
from steps.effects.stored_file import StoredFile
from steps.registry import Registry
from steps.testing import FakeEffects
from tests.harness.asking import model, models_of
from tests.harness.model_server import ModelServer, Reply

FIELDS: dict[str, JsonObject] = {
    "city": {"type": "string", "description": "the capital"},
    "people": {"type": "integer", "minimum": 1},
    "note": {"type": "string", "required": False},
}
GOOD = '{"city": "Paris", "people": 2}'


class StepServices(FakeEffects):
    """Effects with real models, in-memory files and records, and one tool."""

    models: Models

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        return await self.models.chat("acme", request)


@asynccontextmanager
async def world(folder: Path, server: ModelServer, *files: StoredFile, provider: str = "openai") -> AsyncIterator[StepServices]:  # fmt: skip
    named = {"m": model(server, provider)}
    async with models_of(folder, models=named) as (models, _):
        text = {"text": "the text of the document", "pages": 1}
        world = StepServices(files=files, tool_results={"extract-document": text})
        world.models = models
        yield world


async def execute(at: StepServices, output: dict[str, JsonObject] | None = None, attempt: int = 1, **settings: Any) -> Outcome:  # fmt: skip
    step = StepInput("r", "s", 1, attempt, "r:s:1", {"data": {"name": "Anna", "ids": ["f1", "f2"], "list": [1]}}, output or {})  # fmt: skip
    return await CallLlm().execute(CallLlmSettings.model_validate(settings), step, at)


async def test_messages_may_come_from_data(tmp_path: Path) -> None:
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    with ModelServer(Reply("Fine.")) as server:
        async with world(tmp_path, server) as at:
            await execute(at, history=said, prompt="And you?", system="Be kind.")
            await execute(
                at, attempt=2, history="{{ data.none | default(none) }}", prompt="And you?"
            )
            for wrong in (
                "{{ data.name }}",
                [{"role": "system", "content": "x"}],
                [{"role": "user"}],
            ):
                with pytest.raises(StepBroke, match="history"):
                    await execute(at, history=wrong, prompt="And you?")
    sent = [[(m["role"], m["content"]) for m in one.body["messages"]] for one in server.requests]
    assert sent == [
        [("system", "Be kind."), ("user", "Hi"), ("assistant", "Hello."), ("user", "And you?")],
        [("user", "And you?")],
    ]


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_without_declared_fields_the_output_is_text(tmp_path: Path, provider: str) -> None:
    with ModelServer(Reply("Hello, Anna!")) as server:
        async with world(tmp_path, server, provider=provider) as at:
            done = await execute(at, prompt="Greet {{ data.name }}", system="Be kind.")
    assert done == Done(
        {"text": "Hello, Anna!"},
        {
            "response": {
                "text": "Hello, Anna!",
                "model": "m-2026",
                "usage": {"inputTokens": 11, "outputTokens": 7},
            }
        },
    )
    assert server.requests[0].asked == "Greet Anna"
    assert "Be kind." in json.dumps(server.requests[0].body)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_declared_fields_become_a_schema_and_are_checked(tmp_path: Path, provider: str) -> None:  # fmt: skip
    output: dict[str, JsonObject] = {**FIELDS, "raw": {"type": "string", "value": "{{ response.text }}"}}  # fmt: skip
    with ModelServer(Reply(GOOD)) as server:
        async with world(tmp_path, server, provider=provider) as at:
            done = await execute(at, output, prompt="Which?")
    assert isinstance(done, Done)
    assert done.output == {"city": "Paris", "people": 2}
    body = server.requests[0].body
    schema = (
        body["response_format"]["json_schema"]["schema"]
        if provider == "openai"
        else body["output_config"]["format"]["schema"]
    )
    assert set(schema["properties"]) == {"city", "people", "note"}
    assert (schema["required"], schema["additionalProperties"]) == (["city", "people"], False)


async def test_an_invalid_answer_is_asked_for_again_with_its_problems(tmp_path: Path) -> None:
    replies = (Reply("Paris, I think"), Reply('{"city": "Paris", "people": 0}'), Reply(f"```json\n{GOOD}\n```"))  # fmt: skip
    with ModelServer(*replies) as server:
        async with world(tmp_path, server) as at:
            done = await execute(at, FIELDS, prompt="Which?")
            assert list(at.records) == [f"attempt-1/answer-{n}" for n in (1, 2, 3)]
    assert isinstance(done, Done)
    assert done.output == {"city": "Paris", "people": 2}
    usage = done.got["response"]["usage"]  # type: ignore[index,call-overload] # JSON whose shape the test knows
    assert usage == {"inputTokens": 33, "outputTokens": 21}
    last = server.requests[2].body["messages"]
    assert [message["role"] for message in last] == ["user", "assistant", "user"] * 1 + ["assistant", "user"]  # fmt: skip
    assert "not JSON" in last[2]["content"]
    assert "output.people" in last[4]["content"]


async def test_the_repairs_are_bounded(tmp_path: Path) -> None:
    with ModelServer(Reply('{"city": 5}')) as server:
        async with world(tmp_path, server) as at:
            with pytest.raises(StepBroke) as broke:
                await execute(at, FIELDS, prompt="Which?", repairs=1)
    assert len(server.requests) == 2
    error = broke.value.error
    assert (error.type, error.retryable) == ("InvalidOutput", True)
    assert "output.city" in error.message
    assert "output.people" in error.message


async def test_a_recorded_answer_is_not_asked_for_again(tmp_path: Path) -> None:
    with ModelServer(Reply("no"), Reply(GOOD)) as server:
        async with world(tmp_path, server) as at:
            first = await execute(at, FIELDS, prompt="Which?")
            assert await execute(at, FIELDS, prompt="Which?") == first
            assert len(server.requests) == 2
            await execute(at, FIELDS, attempt=2, prompt="Which?")
            assert len(server.requests) == 3


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize(
    ("finish", "kind", "reported"),
    [("refusal", "Refused", "I must not"), ("length", "CutOff", "maxTokens")],
)
async def test_refusals_and_truncated_answers_fail_without_retry(tmp_path: Path, provider: str, finish: Any, kind: str, reported: str) -> None:  # fmt: skip
    with ModelServer(Reply("I must not", finish=finish)) as server:
        async with world(tmp_path, server, provider=provider) as at:
            with pytest.raises(StepBroke, match=reported) as broke:
                await execute(at, FIELDS, prompt="Which?")
    assert (broke.value.error.type, broke.value.error.retryable) == (kind, False)
    assert len(server.requests) == 1


async def test_optional_fields_may_be_null_and_other_keys_are_left_out(tmp_path: Path) -> None:
    with ModelServer(Reply('{"city": "Rome", "people": 3, "note": null, "more": 1}')) as server:
        async with world(tmp_path, server) as at:
            done = await execute(at, FIELDS, prompt="Which?")
    assert isinstance(done, Done)
    assert done.output == {"city": "Rome", "people": 3}


async def test_messages_keep_their_roles_and_values_become_text(tmp_path: Path) -> None:
    turns = [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "{{ data.list }}"},
        {"role": "assistant", "content": "A"},
        {"role": "user", "content": "and {{ data.name }}?"},
    ]
    with ModelServer() as server:
        async with world(tmp_path, server) as at:
            await execute(at, messages=turns, temperature=0.1, maxTokens=9)
    body = server.requests[0].body
    assert [(item["role"], item["content"]) for item in body["messages"]] == [
        ("system", "S"), ("user", "[1]"), ("assistant", "A"), ("user", "and Anna?"),
    ]  # fmt: skip
    assert (body["temperature"], body["max_tokens"]) == (0.1, 9)


async def test_files_are_sent_as_images_and_text(tmp_path: Path) -> None:
    files = (
        StoredFile("f1", "photo.png", "image/png", b"\x89PNG"),
        StoredFile("f2", "list.csv", "application/vnd.ms-excel", b"a,b\n1,2"),
        StoredFile("f3", "letter.pdf", "application/octet-stream", b"%PDF-1.7 ..."),
        StoredFile("f4", "old.txt", "text/plain", "caf\xe9".encode("latin-1")),
        StoredFile("f5", "wide.txt", "text/plain", "wide".encode("utf-16")),
    )
    with ModelServer() as server:
        async with world(tmp_path, server, *files) as at:
            named = ["{{ data.ids }}", "f3", "f4", "{{ none }}", "f5"]
            await execute(at, prompt="What is it?", files=named)
            assert [(use.tool_id, use.arguments) for use in at.tool_uses] == [
                ("extract-document", {"fileId": "f3"})
            ]
    (message,) = server.requests[0].body["messages"]
    picture, *texts = message["content"]
    assert picture["type"] == "image_url"
    assert [part["text"] for part in texts] == [
        "File list.csv:\n\na,b\n1,2",
        "File letter.pdf:\n\nthe text of the document",
        "File old.txt:\n\ncaf\xe9",
        "File wide.txt:\n\nwide",
        "What is it?",
    ]


@pytest.mark.parametrize(
    ("file", "named", "kind"),
    [
        (StoredFile("f1", "a.bin", "application/octet-stream", b"\xff\xfe\x00"), "f1", "UnsupportedFile"),
        (StoredFile("f1", "a.tiff", "image/tiff", b"II*\x00"), "f1", "UnsupportedFile"),
        (StoredFile("f1", "a.txt", "text/plain", b"a"), "f9", "FileNotFound"),
        (StoredFile("f1", "a.txt", "text/plain", b"a"), "{{ 5 }}", "InvalidRequest"),
    ],
)  # fmt: skip
async def test_a_file_that_cannot_be_shown_fails_the_step(tmp_path: Path, file: StoredFile, named: str, kind: str) -> None:  # fmt: skip
    with ModelServer() as server:
        async with world(tmp_path, server, file) as at:
            with pytest.raises(StepBroke) as broke:
                await execute(at, prompt="What?", files=[named])
    assert (broke.value.error.type, broke.value.error.retryable) == (kind, False)
    assert server.requests == []


def definition(**step: Any) -> Any:
    return {
        "name": "Ask", "initialStep": "ask",
        "steps": [{"id": "ask", "type": "call-llm", **step}, {"id": "end", "type": "end-flow"}],
        "edges": [{"from": "ask", "to": "end"}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("step", "path"),
    [
        ({}, "steps[0].prompt"),
        ({"prompt": "a", "messages": [{"role": "user", "content": "b"}]}, "steps[0].messages"),
        ({"messages": [{"role": "system", "content": "b"}]}, "steps[0].messages"),
        ({"prompt": "a", "temperature": 3}, "steps[0].temperature"),
        ({"prompt": "a", "repairs": 6}, "steps[0].repairs"),
        ({"prompt": "{{ oops"}, "steps[0].prompt"),
    ],
)
def test_a_problem_of_a_step_is_reported_with_its_path(step: Any, path: str) -> None:
    with pytest.raises(InvalidDefinition) as wrong:
        compile_definition(definition(**step), Registry.standard())
    assert [problem.path for problem in wrong.value.problems] == [path]


def test_the_example_is_a_valid_step() -> None:
    step = {key: item for key, item in CallLlm.example.items() if key != "id"}
    compile_definition(definition(**step), Registry.standard())
    assert all(field.description for field in CallLlmSettings.model_fields.values())
