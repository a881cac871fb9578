"""Each failure of a model has its error type, and shows no key."""

import json
from pathlib import Path
from typing import Any

import pytest

from steps.contract.step_type import StepBroke
from steps.effects.chat import ChatRequest
from tests.harness.asking import KEY, PROVIDERS, ask, model, models_of, says
from tests.harness.model_server import ModelServer, Reply
from tests.harness.server import free_port


async def failure(folder: Path, provider: str, reply: Reply, **more: Any) -> StepBroke:
    with ModelServer(reply) as server:
        with pytest.raises(StepBroke) as broke:
            await ask(folder, server, provider, says("hi"), **more)
        assert len(server.requests) == 1
    assert KEY not in str(broke.value)
    return broke.value


FAILURES = [
    (Reply("slow down", status=429, headers={"retry-after": "7"}), "RateLimited", True, 7_000),
    (Reply("busy", status=529, headers={"retry-after": "3"}), "Overloaded", True, 3_000),
    (Reply("busy", status=503), "Overloaded", True, None),
    (Reply("x", status=429, headers={"retry-after-ms": "70.5", "retry-after": "1"}), "RateLimited", True, 71),
    (Reply("x", status=529, headers={"retry-after-ms": "soon", "retry-after": "1"}), "Overloaded", True, 1_000),
    (Reply("Please try again in 1m2.5s.", status=429), "RateLimited", True, 62_500),
    (Reply("Please retry after 6 seconds", status=429), "RateLimited", True, 6_000),
    (Reply("Please try again in 20ms.", status=503), "Overloaded", True, 20),
    (Reply(raw=b'[{"error": {"code": 429, "details": [{}, {"retryDelay": "34.07s"}]}}]', status=429), "RateLimited", True, 34_070),
    (Reply("oops", status=500), "ModelFailed", True, None),
    (Reply(f"wrong key {KEY}", status=401), "ModelAuth", False, None),
    (Reply(f"wrong key {KEY}", status=403), "ModelAuth", False, None),
    (Reply("no such model", status=404), "UnknownModel", False, None),
    (Reply(f"too long with {KEY} " + "x" * 5_000, status=400), "ModelRejected", False, None),
    (Reply(status=307, headers={"location": "http://10.0.0.1/"}), "ModelRejected", False, None),
    (Reply(raw=b'{"choices": [{'), "InvalidResponse", True, None),
    (Reply(raw=b"[]"), "InvalidResponse", True, None),
    (Reply(raw=b'{"choices": 1, "content": 1}'), "InvalidResponse", True, None),
    (Reply(raw=b'{"choices": [{"finish_reason": "tool_calls", "message": {"content": null}}], "content": [], "stop_reason": "tool_use"}'), "InvalidResponse", True, None),
    (Reply(raw=b"<html>", headers={"content-type": "text/html"}), "InvalidResponse", True, None),
    (Reply(raw=b"", status=502), "ModelFailed", True, None),
]  # fmt: skip


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("reply", "kind", "retryable", "wait_ms"), FAILURES)
async def test_a_failure_has_its_type(tmp_path: Path, provider: str, reply: Reply, kind: str, retryable: bool, wait_ms: int | None) -> None:  # fmt: skip
    error = (await failure(tmp_path, provider, reply)).error
    assert (error.type, error.retryable, error.retry_after_ms) == (kind, retryable, wait_ms)
    assert len(error.message) < 1_200


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply("a long answer that stops", breaks_off=True), "InvalidResponse"),
        (Reply("busy", stream_error="overloaded_error"), "Overloaded"),
        (Reply("busy", stream_error="rate_limit_error"), "RateLimited"),
        (Reply("odd", stream_error="api_error"), "ModelFailed"),
        (Reply("late", status=429), "RateLimited"),
        (Reply(raw=b"event: message_start\ndata: {oops\n\n", headers={"content-type": "text/event-stream"}), "InvalidResponse"),
        (Reply(raw=b"event: message_start\ndata: {}\n\n", headers={"content-type": "text/event-stream"}), "InvalidResponse"),
        (Reply(raw=b"", headers={"content-type": "text/event-stream"}), "InvalidResponse"),
    ],
)  # fmt: skip
async def test_a_failure_in_a_stream_has_its_type(tmp_path: Path, provider: str, reply: Reply, kind: str) -> None:  # fmt: skip
    error = (await failure(tmp_path, provider, reply, stream=True)).error
    assert (error.type, error.retryable) == (kind, True)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_slow_answer_is_a_timeout(tmp_path: Path, provider: str) -> None:
    error = (await failure(tmp_path, provider, Reply("late", delay_s=1), timeout="200ms")).error
    assert (error.type, error.retryable) == ("Timeout", True)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_refused_connection_is_reported(tmp_path: Path, provider: str) -> None:
    there = f"http://127.0.0.1:{free_port()}"
    named = {"m": {"provider": provider, "model": "m", "baseUrl": there}}
    async with models_of(tmp_path, models=named) as (models, _):
        with pytest.raises(StepBroke) as broke:
            await models.chat("acme", says("hi"))
    assert (broke.value.error.type, broke.value.error.retryable) == ("ConnectionFailed", True)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_endless_answer_is_cut_off(tmp_path: Path, provider: str, stream: bool) -> None:
    endless = Reply(raw=b'{"a": "' + b" " * 34_000_000, headers={"content-type": "text/event-stream" if stream else "application/json"})  # fmt: skip
    error = (await failure(tmp_path, provider, endless, stream=stream)).error
    assert (error.type, error.retryable) == ("InvalidResponse", True)
    assert "longer than" in error.message


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_error_without_a_message_in_a_stream_is_a_model_error(tmp_path: Path, provider: str) -> None:  # fmt: skip
    text = b"event: error\ndata: oops\n\n" if provider == "anthropic" else b'data: {"error": "oops"}\n\n'  # fmt: skip
    reply = Reply(raw=text, headers={"content-type": "text/event-stream"})
    assert (await failure(tmp_path, provider, reply, stream=True)).error.type == "ModelFailed"


@pytest.mark.parametrize("key", ["", "  \n", f"{KEY}\nx", f"{KEY}\u00e9"])
async def test_an_invalid_key_is_not_sent_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:  # fmt: skip
    monkeypatch.setenv("MODEL_KEY", key)
    with ModelServer() as server, pytest.raises(StepBroke) as broke:
        await ask(tmp_path, server, "openai", says("hi"), secret=None, keyEnv="MODEL_KEY")
    assert broke.value.error.type == "ModelAuth"
    assert KEY not in str(broke.value)
    assert server.requests == []


async def test_a_tenants_model_cannot_reach_the_internal_network(tmp_path: Path) -> None:
    with ModelServer() as server:
        async with models_of(tmp_path) as (models, journal):
            for provider in PROVIDERS:
                document = json.dumps(model(server, provider))
                await journal.models.put("acme", provider, document, 1)
                request = ChatRequest(provider, says("hi").messages)
                with pytest.raises(StepBroke) as broke:
                    await models.chat("acme", request)
                assert broke.value.error.type == "AddressNotAllowed"
                assert not broke.value.error.retryable
        assert server.requests == []


async def test_an_unknown_secret_fails_the_step(tmp_path: Path) -> None:
    with ModelServer() as server, pytest.raises(StepBroke) as broke:
        await ask(tmp_path, server, "openai", says("hi"), secret="absent")
    assert broke.value.error.type == "UnknownSecret"
