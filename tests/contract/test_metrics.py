"""`/metrics`: Prometheus text format, readable with the token only."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request

from app.settings.server import Settings
from app.telemetry.counters import Counters
from app.web.api.metric_table import METRICS
from app.web.api.metrics import Metrics
from journal import WriterCounters
from tests.conftest import PLUGIN
from tests.harness.server import Server

TOKEN = "metrics-token-of-the-tests"


def read(text: str) -> dict[tuple[str, str], float]:
    """Return every sample of a page by name and labels."""
    return {
        (sample.name, json.dumps(sample.labels, sort_keys=True)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def typed(text: str) -> list[str]:
    """Return the names for which the page declares a type."""
    return [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")]


@pytest.mark.data_folder
def test_metrics_count_the_requests_and_need_the_token(tmp_path: Path) -> None:
    end = {"id": "end", "type": "end-flow"}
    add = {"id": "add", "type": "call-tool", "toolId": "add", "inputs": {"a": 1}}
    fail = {"id": "add", "type": "call-tool", "toolId": "explode"}
    with Server(tmp_path / "data", PLUGIN, STEPWELL_METRICS_TOKEN=TOKEN) as server:
        with server.client() as client:
            for name, step in (("adding", add), ("failing", fail)):
                workflow = {"id": name, "name": name, "initialStep": "add", "steps": [step, end],
                            "edges": [{"from": "add", "to": "end"}]}  # fmt: skip
                client.post("/api/workflows", json=workflow).raise_for_status()
                client.post(f"/api/workflow/start/{name}", json={}).raise_for_status()
            client.get("/api/workflows/missing")
        shown = httpx.get(f"{server.address}/metrics", headers={"authorization": f"Bearer {TOKEN}"})
        for given in ("", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer"):
            refused = httpx.get(f"{server.address}/metrics", headers={"authorization": given})
            assert (refused.status_code, refused.json()["error"]) == (401, "Unauthorized")
        ready = httpx.get(f"{server.address}/readyz")
    assert shown.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    values = read(shown.text)
    for name, labels, value in (
        ("requests_total", {"method": "POST", "status": "201"}, 2),
        ("requests_total", {"method": "GET", "status": "404"}, 1),
        ("runs", {"status": "completed"}, 1),
        ("runs", {"status": "failed"}, 1),
        ("step_attempts_total", {"type": "call-tool", "outcome": "completed"}, 1),
        ("step_attempts_total", {"type": "call-tool", "outcome": "failed"}, 1),
        ("step_attempts_total", {"type": "end-flow", "outcome": "completed"}, 1),
        ("runs_in_memory", {}, 0),
        ("writes_queued", {}, 0),
        ("commits_failed_total", {}, 0),
    ):
        assert values["stepwell_" + name, json.dumps(labels, sort_keys=True)] == value, name
    assert values["stepwell_wal_bytes", "{}"] > 0
    commits = values["stepwell_commit_seconds_count", "{}"]
    assert values["stepwell_writes_total", "{}"] >= commits > 0
    assert values["stepwell_commit_seconds_bucket", '{"le": "+Inf"}'] == commits
    assert values["process_resident_memory_bytes", "{}"] > 10_000_000
    assert values["python_gc_collections_total", '{"generation": "0"}'] > 0
    assert {row.name for row in METRICS} <= set(typed(shown.text))
    assert ready.json() == {"ready": True}


def test_without_a_token_in_the_settings_metrics_are_not_found(server: Server) -> None:
    headers = {"authorization": "Bearer None", "x-api-key": server.key(), "x-tenant-id": "acme"}
    refused = httpx.get(f"{server.address}/metrics", headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (404, "Not found")


async def test_two_servers_in_one_process_count_separately() -> None:
    assert [await requests_of(count) for count in (3, 5)] == [3, 5]


async def requests_of(count: int) -> float:
    """Return the number of requests on the page of a server that has served `count`."""
    counters = Counters()
    counters.requests["GET", 200] += count

    async def counts() -> dict[str, int]:
        return {}

    journal = SimpleNamespace(
        statistics=SimpleNamespace(of_all=counts),
        counters=WriterCounters(),
        upkeep=SimpleNamespace(wal_bytes=0),
    )
    services: Any = SimpleNamespace(
        settings=Settings.model_validate({"metrics_token": TOKEN}),
        counters=counters,
        journal=journal,
        admission=SimpleNamespace(in_memory=0),
        acting=SimpleNamespace(total=0, waiting=0),
        sharing=None,
    )
    header = (b"authorization", f"Bearer {TOKEN}".encode())
    scope = {"type": "http", "headers": [header], "stepwell.request_id": "r"}
    shown = await Metrics(services).show(Request(scope))
    values = read(bytes(shown.body).decode())
    return values["stepwell_requests_total", '{"method": "GET", "status": "200"}']
