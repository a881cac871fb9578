"""Limits on the concurrency and rate of requests to a model, and headers set by definitions."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import PLUGIN
from tests.harness.model_server import ModelServer, Reply, Request
from tests.harness.server import Server, settled
from tests.harness.workflows import create, start, straight


class Busy:
    """A slow model that counts concurrent requests."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.lock = threading.Lock()

    def __call__(self, request: Request) -> Reply:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.15)
        with self.lock:
            self.now -= 1
        return Reply(request.asked)


@pytest.fixture(scope="module")
def busy() -> Iterator[tuple[Busy, ModelServer]]:
    answers = Busy()
    with ModelServer(answers) as models:
        yield answers, models


@pytest.fixture(scope="module")
def bounded(busy: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    _, models = busy
    named = {"busy": {"provider": "openai", "model": "m", "baseUrl": models.openai, "maxConcurrent": 1,
                      "headers": {"X-Own": "the operator's"}}}  # fmt: skip
    with Server(
        tmp_path_factory.mktemp("bounded") / "data", PLUGIN,
        STEPWELL_MODELS=json.dumps(named), STEPWELL_MAX_CONCURRENT_STEPS="2",
    ) as server:  # fmt: skip
        yield server


def asks(client: httpx.Client, name: str, **more: Any) -> str:
    step = {"id": "ask", "type": "call-llm", "prompt": "{{ data.q }}", **more}
    return create(client, name, [step], straight("ask"))


def begun(client: httpx.Client, workflow: str, q: str) -> str:
    body = {"data": {"q": q}}
    return str(client.post(f"/api/workflow/start-async/{workflow}", json=body).json()["runId"])


def test_requests_queue_by_tenant_and_timeouts_exclude_the_wait(
    busy: tuple[Busy, ModelServer], bounded: Server
) -> None:
    answers, models = busy
    with bounded.client() as many, bounded.client(tenant="other") as one:
        workflow = asks(many, "many", timeout="500ms")
        agent = {
            "id": "quick",
            "name": "Quick",
            "instructions": "Work.",
            "limits": {"time": "500ms"},
        }
        assert one.post("/api/agents", json=agent).status_code == 201
        step = {"id": "work", "type": "call-agent", "agentId": "quick", "message": "{{ data.q }}"}
        create(one, "agents", [step], straight("work"))
        add = {"id": "add", "type": "call-tool", "toolId": "add", "inputs": {"a": 1}}
        create(many, "adds", [add], straight("add"))
        start(
            many, asks(many, "first"), q="first"
        )  # the first request loads the library of the provider
        models.requests.clear()
        runs = [begun(many, workflow, f"a{number}") for number in range(5)]
        other = [begun(one, "agents", f"b{number}") for number in range(2)]
        assert start(many, "adds")["status"] == "completed", "who waits lends its turn to act"
        assert len(models.requests) < 4, "and they do wait"
        for run_id in runs:
            settled(many, run_id, "completed")
        for run_id in other:
            settled(one, run_id, "completed")
        assert answers.most == 1
        order = [request.asked for request in models.requests]
        assert order.index("b0") <= 3, order
        assert order.index("b1") <= 5, order
        assert bounded.process is not None


def test_a_model_is_asked_at_its_rate_and_waiting_requests_can_be_cancelled(
    busy: tuple[Busy, ModelServer], bounded: Server
) -> None:
    with bounded.client() as client, ModelServer(Reply("Yes.")) as models:
        model = {"provider": "openai", "model": "m", "baseUrl": models.openai}
        made = client.put("/api/models/spaced", json={**model, "rate": "1/h"})
        assert made.json()["rate"] == "1/h"
        refused = client.put(
            "/api/models/spaced", json={**model, "rate": "often", "maxConcurrent": 0}
        )
        assert {item["path"] for item in refused.json()["details"]} == {"rate", "maxConcurrent"}
        workflow = asks(client, "spaced", model="spaced")
        run_id = begun(client, workflow, "1")
        body = {"workflowId": workflow, "runId": run_id, "reason": "no need"}
        assert client.post("/api/workflow/management/cancel", json=body).status_code == 200
        settled(client, run_id, "cancelled")
        client.put("/api/models/spaced", json={**model, "rate": "20/s"})
        runs = [begun(client, workflow, str(number)) for number in range(4)]
        for run_id in runs:
            settled(client, run_id, "completed")
        assert len(models.requests) == 4


def test_agents_and_steps_add_their_own_headers(
    busy: tuple[Busy, ModelServer], bounded: Server
) -> None:
    _, models = busy
    with bounded.client() as client:
        for name in ("GATEWAY", "PART"):
            client.put(f"/api/secrets/{name}", json={"value": f"canary-{name.lower()}"})
        agent = {"id": "heads", "name": "H", "instructions": "Work.", "model": "busy",
                 "headers": {"X-Agent": "secret:GATEWAY", "X-Both": "agent", "x-own": "mine"}}  # fmt: skip
        assert client.post("/api/agents", json=agent).status_code == 201
        said = {"X-Step": "{{ secrets.PART }}/{{ data.q }}", "x-both": "step", "X-No": "{{ none }}"}
        step = {
            "id": "work",
            "type": "call-agent",
            "agentId": "heads",
            "message": "Hi",
            "headers": said,
        }
        create(client, "heads", [step], straight("work"))
        assert start(client, "heads", q="7")["status"] == "completed"
        sent = models.requests[-1].headers
        assert (sent["x-agent"], sent["x-step"]) == ("canary-gateway", "canary-part/7")
        assert (sent["x-both"], sent["x-own"], "x-no" in sent) == ("step", "the operator's", False)
        assert start(client, asks(client, "head", model="busy", headers={"X-Q": "{{ data.q }}"}), q="8")[
            "status"
        ] == "completed"  # fmt: skip
        assert models.requests[-1].headers["x-q"] == "8"
        failed = start(client, "head", q="a\nb")["error"]
        assert (failed["type"], "headers.X-Q" in failed["message"]) == ("InvalidRequest", True)
        for headers, reported in (
            ({"Authorization": "x"}, "Authorization"),
            ({"X": "é"}, "printable"),
        ):
            refused = client.put("/api/agents/heads", json={**agent, "headers": headers})
            assert (refused.status_code, reported in refused.text) == (400, True)
