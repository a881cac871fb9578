"""Streamed answers: deltas on the event stream of the run and of an agent invocation."""

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from app.events.deltas import Deltas
from app.execution.attempts.answer_text import AnswerText
from tests.harness.agents import agent
from tests.harness.event_reader import Reader, Seen
from tests.harness.model_server import ModelServer, Reply
from tests.harness.server import Server

SECRET = "sesame-open-the-door-to-the-treasure"
SAID = f"<think>Hm.</think>{'word ' * 60}The word is {SECRET}, {'and so on ' * 30}."


def asked(client: httpx.Client, name: str) -> list[Seen]:
    """Invoke an agent, and return all events of the answer."""
    headers = {"accept": "text/event-stream"}
    address = f"/api/agents/{name}/invoke"
    with client.stream("POST", address, json={"message": "Say"}, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        return list(Reader().events(answer.iter_lines()))


def pieces(events: list[Seen]) -> str:
    """Return the text that the deltas make up by their positions."""
    text = ""
    for one in events:
        if one.event == "call.delta":
            assert one.data["at"] == len(text), "nothing was lost"
            text += one.data["text"]
    return text


def test_an_answer_is_streamed_as_it_arrives(shared: Server) -> None:
    with shared.client() as client, ModelServer(Reply(SAID)) as models:
        assert client.put("/api/secrets/WORD", json={"value": SECRET}).status_code in (200, 201)
        name = agent(client, models, "streams")
        address = {"provider": "openai", "baseUrl": models.openai, "model": "m", "stream": True}
        client.put(f"/api/models/{name}", json=address)
        events = asked(client, name)
        kinds = [one.event for one in events]
        assert kinds[-1] == "agent.outcome"
        outcome = events[-1].data
        assert (outcome["status"], outcome["threadId"][:7]) == ("completed", "invoke-")
        whole = outcome["data"]["text"]
        assert pieces(events) == whole, "also what is held back at the end"
        assert whole.startswith("word ")
        assert "The word is ***, and so on" in whole
        first = kinds.index("call.delta")
        recorded = [n for n, one in enumerate(events) if one.event == "step.recorded"]
        assert first < recorded[-1], "pieces come before the answer is there"
        delta = events[first].data
        assert (delta["name"], delta["stepId"], delta["visit"]) == ("turn-1", "agent", 1)
        assert events[first].id == events[first - 1].id, "a piece has no place to come back to"
        # Deltas are not stored: the stream of an ended run has none.
        path = f"/api/workflow/events/{outcome['runId']}"
        assert pieces(list(Reader().events(iter(client.get(path, params={"deltas": "true"}).text.split("\n"))))) == ""  # fmt: skip
        # If the model does not stream, there are no deltas, and all else is the same.
        client.put(f"/api/models/{name}", json={**address, "stream": False})
        events = asked(client, name)
        assert pieces(events) == ""
        assert events[-1].data["data"]["text"] == whole


async def test_a_secret_split_over_deltas_is_masked() -> None:
    deltas, reported = Deltas(), list[Any]()
    with deltas.read("r", asyncio.Event()) as waiting:
        text = AnswerText(
            deltas, {"runId": "r"}, lambda: 0, lambda v: str(v).replace(SECRET, "***")
        )
        for char in f"{'x' * 300}{SECRET}{'y' * 300}":
            text._due_s = 0
            text.take(char)
            reported += waiting
            waiting.clear()
        text.end()
        reported += waiting
    whole = "".join(one["text"] for one in reported)
    assert whole == f"{'x' * 300}***{'y' * 300}"
    assert len(reported) > 100


def test_text_that_is_slow_to_mask_is_sent_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = looked_s = 0.0

    def mask(text: Any) -> Any:
        nonlocal now_s, looked_s
        now_s += 0.03
        looked_s += 0.03
        return text

    clock = SimpleNamespace(get_running_loop=lambda: SimpleNamespace(time=lambda: now_s))
    monkeypatch.setattr("app.execution.attempts.answer_text.asyncio", clock)
    deltas = Deltas()
    with deltas.read("r", asyncio.Event()) as waiting:
        text = AnswerText(deltas, {"runId": "r"}, lambda: 0, mask)
        for _ in range(5_000):
            now_s += 0.001
            text.take("x")
        text.end()
    assert len(waiting) > 5
    assert looked_s <= now_s / 15


async def test_a_slow_reader_loses_only_the_oldest_deltas() -> None:
    deltas = Deltas()
    assert not deltas.are_read("r")
    with deltas.read("r", asyncio.Event()) as slow:
        for number in range(1_000):
            deltas.tell("r", {"at": number})
        assert [one["at"] for one in slow][-1] == 999
        assert len(slow) == 200
    assert not deltas.are_read("r"), "nothing is left of a reader that has gone"
