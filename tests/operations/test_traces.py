"""Traces and log lines as a collector receives them over OTLP/HTTP."""

import json
import time
from pathlib import Path

from tests.conftest import PLUGIN
from tests.harness.collector import Collector
from tests.harness.echo import Echo
from tests.harness.server import Server, settled

SHOWN = "2" * 32
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SCRIPTED = {"provider": "scripted", "model": "parrot", "scripts": [
    {"answers": [{"text": "hello"}]},
]}  # fmt: skip


def test_a_run_is_a_trace_with_its_steps_models_and_children(tmp_path: Path) -> None:  # noqa: PLR0915 - one run, looked at from all sides
    with Collector() as collector, Echo() as echo:
        settings = {
            "STEPWELL_OTLP_ENDPOINT": collector.address,
            "STEPWELL_OTLP_HEADERS": "x-team=blue",
            "STEPWELL_OTLP_LOGS": "true",
            "STEPWELL_LOG_LEVEL": "info",
            "STEPWELL_MODELS": json.dumps({"parrot": SCRIPTED}),
        }
        with Server(tmp_path / "data", PLUGIN, **settings) as server, server.client() as client:
            bad = {"id": "bad", "type": "call-api", "method": "POST", "url": f"{echo.address}/500"}
            child = {"name": "Child", "initialStep": "bad", "steps": [bad, {"id": "end", "type": "end-flow"}],
                     "edges": [{"from": "bad", "to": "end"}]}  # fmt: skip
            flow = {
                "name": "Traced", "initialStep": "call",
                "steps": [
                    {"id": "call", "type": "call-api", "method": "POST", "url": f"{echo.address}/200"},
                    {"id": "think", "type": "call-llm", "prompt": "Hello?"},
                    {"id": "ask", "type": "collect-inputs", "output": {"x": {"type": "string"}}},
                    {"id": "sub", "type": "call-workflow", "workflowId": "child"},
                    {"id": "end", "type": "end-flow"},
                ],
                "edges": [{"from": "call", "to": "think"}, {"from": "think", "to": "ask"},
                          {"from": "ask", "to": "sub"}, {"from": "sub", "to": "end"},
                          {"from": "sub", "to": "end", "on": "error"}],
            }  # fmt: skip
            for document in (child, flow):
                answer = client.post("/api/workflows", json=document)
                assert answer.status_code == 201, answer.text
            sent = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
            started = client.post("/api/workflow/start-async/traced", json={}, headers=sent).json()
            settled(client, started["runId"], "paused")
            until = time.monotonic() + 20
            while "chat parrot" not in {span["name"] for span in collector.spans}:
                assert time.monotonic() < until
                time.sleep(0.05)
            server.kill()
            server.environment["STEPWELL_OTLP_CONTENT"] = "true"
            server.start()
            other = {"traceparent": f"00-{SHOWN}-{CALLER}-01"}
            shown = client.post("/api/workflow/start-async/traced", json={}, headers=other).json()
            settled(client, shown["runId"], "paused")
            given = {"type": "collect_inputs", "data": {"x": "y"}}
            client.post(f"/api/workflow/resume/{started['runId']}", json=given)
            settled(client, started["runId"], "completed")
            alone = client.post("/api/workflow/start-async/child", json={}).json()
            settled(client, alone["runId"], "failed")
            unsampled = {"traceparent": f"00-{'1' * 32}-{CALLER}-00"}
            quiet = client.post(
                "/api/workflow/start-async/child", json={}, headers=unsampled
            ).json()
            settled(client, quiet["runId"], "failed")
            server.terminate()
        mine = {span["name"]: span for span in collector.spans if span["trace"] == TRACE}
        run, call, sub = mine["run traced"], mine["call-api call"], mine["call-workflow sub"]
        assert (run["parent"], run["kind"], run["failed"]) == (CALLER, 2, False)
        assert run["stepwell.run.id"] == started["runId"]
        assert {
            mine[name]["parent"] for name in ("call-api call", "call-llm think", "end-flow end")
        } == {run["id"]}
        passed_on = echo.seen[0]["headers"]["traceparent"]
        assert passed_on == f"00-{TRACE}-{call['id']}-01"
        chat = mine["chat parrot"]
        assert (chat["parent"], chat["kind"]) == (mine["call-llm think"]["id"], 3)
        assert chat["gen_ai.operation.name"] == "chat"
        assert chat["gen_ai.usage.output_tokens"] >= 1
        reported = [
            s.get("gen_ai.input.messages", "")
            for s in collector.spans
            if s["name"] == "chat parrot"
        ]
        assert ["Hello?" in one for one in reported] == [False, True], "content by setting only"
        assert mine["run child"]["parent"] == sub["id"]
        assert (mine["call-api bad"]["failed"], mine["call-api bad"]["error.type"]) == (
            True,
            "HttpStatus",
        )
        assert mine["collect-inputs ask"]["ns"] > 0
        others = [span for span in collector.spans if span["trace"] not in (TRACE, SHOWN)]
        assert {span["trace"] for span in others} == {others[0]["trace"]}
        assert [span["parent"] for span in others if span["name"] == "run child"] == [""]
        assert len({span["id"] for span in collector.spans}) == len(collector.spans)
        assert set(collector.headers) == {"blue"}
        assert "server started" in {line["body"] for line in collector.lines}
        assert collector.resources == {"stepwell"}
