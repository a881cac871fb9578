"""call-llm in a real run: repaired answers, usage, attachments, retries, and hidden keys."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PLUGIN
from tests.harness.documents import pdf
from tests.harness.model_server import ModelServer, Reply
from tests.harness.server import Server
from tests.harness.workflows import create, start, status, straight

KEY = "canary-key-xyz-123"
ASK: dict[str, Any] = {
    "id": "ask", "type": "call-llm", "prompt": "Where is {{ data.who }}?",
    "output": {"city": {"type": "string"}},
}  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_an_answer_is_repaired_counted_and_recorded(
    tmp_path: Path, provider: str, stream: bool
) -> None:
    with ModelServer(
        Reply("no"), Reply('{"city": "Rome"}'), Reply(f"bad key {KEY}", status=400)
    ) as models:
        base_url = models.openai if provider == "openai" else models.anthropic
        named = {
            "a": {
                "provider": provider,
                "model": "x",
                "baseUrl": base_url,
                "keyEnv": "A_KEY",
                "stream": stream,
            }
        }
        settings = {
            "STEPWELL_MODELS": json.dumps(named),
            "A_KEY": KEY,
            "STEPWELL_LOG_LEVEL": "debug",
        }
        with Server(tmp_path / "data", PLUGIN, **settings) as server, server.client() as client:
            create(client, "asks", [ASK], straight("ask"))
            outcome = start(client, "asks", who="Anna")
            assert outcome["data"] == {"who": "Anna", "city": "Rome"}
            document = status(client, outcome["runId"])
            assert document["usage"] == {
                "calls": 2, "inputTokens": 22, "outputTokens": 14,
                "latencyMs": document["usage"]["latencyMs"],
                "models": [{"model": "x-2026", "calls": 2, "inputTokens": 22, "outputTokens": 14,
                            "latencyMs": document["usage"]["latencyMs"]}],
            }  # fmt: skip
            calls = document["stepExecutionHistory"][0]["calls"]
            assert [call["name"] for call in calls] == ["attempt-1/answer-1", "attempt-1/answer-2"]
            error = start(client, "asks", who="Anna")["error"]
            assert error["type"] == "ModelRejected"
            server.kill()
        everything = server.log.read_text() + json.dumps(error)
        for file in server.data.rglob("*"):
            everything += file.read_bytes().decode("latin-1") if file.is_file() else ""
        assert KEY not in everything


def test_a_document_is_sent_as_its_text(shared: Server) -> None:
    with shared.client() as client, ModelServer(Reply('{"city": "Rome"}')) as models:
        client.put(
            "/api/models/reader",
            json={"provider": "openai", "baseUrl": models.openai, "model": "m"},
        )
        step = {**ASK, "model": "reader", "files": ["{{ data.fileId }}"], "prompt": "Where?"}
        create(client, "reads", [step], straight("ask"))
        files = {"attachment": ("letter.pdf", pdf("Greetings from Rome"), "application/pdf")}
        outcome = client.post("/api/workflow/start/reads", files=files).json()
        assert outcome["data"]["city"] == "Rome", outcome
        assert "Greetings from Rome" in json.dumps(models.requests[0].body)


def test_a_rate_limit_is_retried_by_the_policy_of_the_step(shared: Server) -> None:
    answers = [
        Reply(status=429, headers={"retry-after": "1"}),
        Reply(status=529),
        Reply('{"city": "Rome"}'),
    ]
    with shared.client() as client, ModelServer(*answers) as models:
        client.put(
            "/api/models/busy",
            json={"provider": "anthropic", "baseUrl": models.anthropic, "model": "m"},
        )
        retry = {"maxAttempts": 3, "initialInterval": "10ms"}
        create(client, "patient", [{**ASK, "model": "busy", "retry": retry}], straight("ask"))
        outcome = start(client, "patient", who="Anna")
        assert outcome["data"]["city"] == "Rome"
        entry = status(client, outcome["runId"])["stepExecutionHistory"][0]
        assert (entry["attempt"], entry["duration"] >= 1_000) == (3, True)
