"""Costs of models, budgets that limit them, and the usage report, over HTTP."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.harness.model_server import ModelServer, Reply
from tests.harness.server import Server, settled
from tests.harness.workflows import straight

PRICES = {"input": 1_000, "output": 10_000}
REPLY = Reply("hm", input_tokens=20, output_tokens=8)  # costs 0.1


def asking(client: httpx.Client, models: ModelServer, name: str, steps: int, **more: Any) -> str:
    model = {"provider": "openai", "baseUrl": models.openai, "model": "m", "maxTokens": 8}
    client.put(f"/api/models/{name}", json={**model, "prices": PRICES})
    asked = [{"id": f"ask-{n}", "type": "call-llm", "model": name, "prompt": "?"} for n in range(steps)]  # fmt: skip
    end = {"id": "end", "type": "end-flow"}
    document = {"id": name, "name": name, "initialStep": "ask-0", "steps": [*asked, end],
                "edges": straight(*(step["id"] for step in asked)), **more}  # fmt: skip
    made = client.post("/api/workflows", json=document)
    assert made.status_code == 201, made.text
    return name


def start(client: httpx.Client, name: str) -> str:
    return str(client.post(f"/api/workflow/start-async/{name}", json={}).json()["runId"])


def answer(client: httpx.Client, document: dict[str, Any], value: str, status: int = 200, **more: Any) -> None:  # fmt: skip
    signal = document["pauseSignal"]
    body = {"type": signal["type"], "actionId": signal["actionId"], "actionValue": value, **more}
    sent = client.post(f"/api/workflow/resume/{document['runId']}", json=body)
    assert sent.status_code == status, sent.text


def test_a_used_up_budget_asks_a_person_and_continues(shared: Server) -> None:
    with shared.client() as client, ModelServer(REPLY) as models:
        name = asking(client, models, "thrifty", 4, budget=0.2)
        document = settled(client, start(client, name), "paused")
        assert len(models.requests) == 2
        assert document["usage"]["cost"] == 0.2
        signal = document["pauseSignal"]
        assert (signal["budget"]["scope"], signal["budget"]["most"]) == ("run", 0.2)
        answer(client, document, "raise", 400, data={"to": 0.1})
        answer(client, document, "raise", data={"to": 0.3})
        document = settled(client, document["runId"], "paused")
        assert (len(models.requests), document["pauseSignal"]["budget"]["most"]) == (3, 0.3)
        answer(client, document, "raise")
        assert settled(client, document["runId"], "completed")["usage"]["cost"] == 0.4
        document = settled(client, start(client, name), "paused")
        answer(client, document, "stop")
        failed = settled(client, document["runId"], "failed")
        assert failed["error"]["type"] == "BudgetReached"


def test_concurrent_requests_exceed_a_monthly_budget_by_one_answer_at_most(shared: Server) -> None:
    slow = Reply("hm", input_tokens=20, output_tokens=8, delay_s=0.1)
    with shared.client() as client, ModelServer(slow) as models:
        name = asking(client, models, "crowd", 1)
        set_ = client.put("/api/budgets", json={"workflowId": name, "month": 0.25})
        assert set_.json()["budgets"] == [{"workflowId": name, "month": 0.25, "spent": 0}]
        with ThreadPoolExecutor(8) as together:
            runs = list(together.map(lambda _: start(client, name), range(8)))
        for run in runs:
            settled(client, run)
        assert len(models.requests) == 3
        states = [settled(client, run) for run in runs]
        paused = [state for state in states if state["status"] == "paused"]
        assert len(paused) == 5
        assert {state["pauseSignal"]["budget"]["scope"] for state in paused} == {"workflow"}
        client.put("/api/budgets", json={"workflowId": name, "month": None})
        answer(client, paused[0], "again")
        settled(client, paused[0]["runId"], "completed")
        found = client.get("/api/usage?by=workflow,model").json()
        (line,) = [one for one in found["usage"] if one["workflowId"] == name]
        assert (line["model"], line["calls"], line["cost"]) == (name, 4, 0.4)
        assert found["total"]["calls"] >= 4
        for wrong in ("by=month", "since=soon", "to=1"):
            assert client.get(f"/api/usage?{wrong}").status_code == 400
        assert client.put("/api/budgets", json={"workflowId": "no", "month": 1}).status_code == 404
        for no_number in ("1", True):
            refused = client.put("/api/budgets", json={"month": no_number})
            assert (refused.status_code, "month" in refused.text) == (400, True)


def test_a_request_interrupted_by_a_crash_counts_with_its_minimum_cost(server: Server) -> None:
    slow = Reply("hm", input_tokens=20, output_tokens=8, delay_s=60)
    with ModelServer(slow, REPLY) as models:
        with server.client() as client:
            name = asking(client, models, "cut-off", 1, budget=5)
            run = start(client, name)
            while not models.requests:
                pass
        server.kill()
        server.start()
        with server.client() as client:
            document = settled(client, run, "completed")
            assert (document["usage"]["cost"], len(models.requests)) == (0.1, 2)
            total = client.get("/api/usage").json()["total"]
            assert (total["calls"], total["estimated"]) == (2, 1)
            assert 0.1 < total["cost"] < 0.2


def test_the_received_part_of_an_interrupted_answer_is_counted(shared: Server) -> None:
    with shared.client() as client, ModelServer(Reply("x" * 400, breaks_off=True)) as models:
        name = asking(client, models, "broken-off", 1)
        document = {"provider": "openai", "baseUrl": models.openai, "model": "m", "stream": True,
                    "retries": 0, "prices": PRICES}  # fmt: skip
        client.put(f"/api/models/{name}", json=document)
        assert settled(client, start(client, name), "failed")["error"]["type"] == "InvalidResponse"
        found = client.get("/api/usage?by=workflow").json()["usage"]
        (line,) = [one for one in found if one["workflowId"] == name]
        assert (line["estimated"], 45 < line["outputTokens"] < 55) == (1, True)
        assert line["cost"] > line["outputTokens"] * 0.01
