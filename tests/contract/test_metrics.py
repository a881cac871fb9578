"""`/metrics`: the Prometheus text format, for whoever has the token."""

import re
from pathlib import Path

import httpx

from tests.conftest import PLUGIN
from tests.harness.server import Server

TOKEN = "metrics-token-of-the-tests"
LINE = re.compile(r'stepwell_[a-z_]+(\{[a-z_]+="[^"\n]*"(,[a-z_]+="[^"\n]*")*\})? [0-9.e+-]+')


def test_the_figures_fit_what_was_asked_and_need_the_token(tmp_path: Path) -> None:
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
    lines = shown.text.splitlines()
    assert all(line.startswith("# ") or LINE.fullmatch(line) for line in lines)
    for line in (
        'stepwell_requests_total{method="POST",status="201"} 2',
        'stepwell_requests_total{method="GET",status="404"} 1',
        'stepwell_runs{status="completed"} 1',
        'stepwell_runs{status="failed"} 1',
        'stepwell_step_attempts_total{type="call-tool",outcome="completed"} 1',
        'stepwell_step_attempts_total{type="call-tool",outcome="failed"} 1',
        'stepwell_step_attempts_total{type="end-flow",outcome="completed"} 1',
        "stepwell_runs_in_memory 0",
        "stepwell_writes_queued 0",
        "stepwell_commits_failed_total 0",
    ):
        assert line in lines
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert float(values["stepwell_wal_bytes"]) > 0
    assert (
        float(values["stepwell_writes_total"]) >= float(values["stepwell_commit_seconds_count"]) > 0
    )
    assert (
        values['stepwell_commit_seconds_bucket{le="+Inf"}']
        == values["stepwell_commit_seconds_count"]
    )
    assert ready.json() == {"ready": True}


def test_without_a_token_in_the_settings_there_are_none(server: Server) -> None:
    headers = {"authorization": "Bearer None", "x-api-key": server.key(), "x-tenant-id": "acme"}
    refused = httpx.get(f"{server.address}/metrics", headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (404, "Not found")
