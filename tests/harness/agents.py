"""Agents whose model returns the replies that a test specifies."""

from typing import Any

import httpx

from tests.harness.model_server import ModelServer, Reply, Request
from tests.harness.workflows import create, straight

OUTPUT = {"answer": {"type": "integer"}}
APPROVAL = [{"tool": "add", "approval": True}]


def agent(client: httpx.Client, server: ModelServer, name: str, **more: Any) -> str:
    """Create the model and an agent that uses it; return the agent's id."""
    model = {"provider": "openai", "baseUrl": server.openai, "model": "m"}
    made = client.put(f"/api/models/{name}", json=model)
    assert made.status_code in (200, 201), made.text
    document = {"id": name, "name": name, "instructions": "Work.", "model": name, **more}
    made = client.post("/api/agents", json=document)
    assert made.status_code == 201, made.text
    return name


def flow(client: httpx.Client, name: str, **more: Any) -> str:
    step = {
        "id": "work",
        "type": "call-agent",
        "agentId": name,
        "message": "What is {{ data.q }}?",
        **more,
    }
    return create(client, f"with-{name}", [step], straight("work"))


def turns(*replies: Reply) -> Any:
    """Choose the reply by the number of turns in the conversation; the order does not matter."""

    def answer(request: Request) -> Reply:
        had = sum(1 for message in request.body["messages"] if message["role"] == "assistant")
        return replies[min(had, len(replies) - 1)]

    return answer
