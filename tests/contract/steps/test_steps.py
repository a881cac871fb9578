"""Steps run as defined, over HTTP, against real servers."""

import time
from typing import Any

from tests.harness.counting import Counting
from tests.harness.server import Server, settled

END = {"id": "end", "type": "end-flow", "result": {"data": "{{ data }}"}}


def start(server: Server, steps: list[Any], edges: list[Any], **data: Any) -> Any:
    """Create a workflow with these steps, start it, and return the outcome."""
    document = {
        "name": "Steps",
        "initialStep": steps[0]["id"],
        "steps": [*steps, END],
        "edges": edges,
    }
    with server.client() as client:
        made = client.post("/api/workflows", json=document)
        assert made.status_code == 201, made.text
        address = f"/api/workflow/start/{made.json()['id']}"
        return client.post(address, json={"data": data}).json()


def test_a_loop_runs_until_its_condition_ends_it(shared: Server) -> None:
    steps = [{"id": "add", "type": "call-tool", "toolId": "add",
              "inputs": {"a": "{{ data.sum }}", "b": 2}, "output": {"sum": {"type": "integer"}}}]  # fmt: skip
    edges = [
        {"from": "add", "to": "add", "condition": "data.sum < 9"},
        {"from": "add", "to": "end"},
    ]
    assert start(shared, steps, edges, sum=0)["result"] == {"data": {"sum": 10}}


def test_an_error_edge_catches_and_puts_the_error_in_scope(shared: Server) -> None:
    steps = [
        {"id": "boom", "type": "call-tool", "toolId": "explode"},
        {"id": "ask", "type": "request-user-action", "message": "{{ error.type }}"},
    ]
    edges = [
        {"from": "boom", "to": "end"},
        {"from": "boom", "to": "ask", "on": "error"},
        {"from": "ask", "to": "end"},
    ]
    assert start(shared, steps, edges)["pauseSignal"]["message"] == "ToolFailed"


def test_a_start_of_a_run_that_fails_returns_200_with_its_error(shared: Server) -> None:
    steps = [{"id": "boom", "type": "call-tool", "toolId": "explode",
              "retry": {"maxAttempts": 2, "initialInterval": "20ms"}}]  # fmt: skip
    outcome = start(shared, steps, [{"from": "boom", "to": "end"}])
    assert outcome["status"] == "failed"
    assert outcome["error"]["stepId"] == "boom"
    assert outcome["error"]["type"] == "ToolFailed"
    assert outcome["error"]["attempts"] == 2


def test_an_attempt_ends_at_its_timeout(shared: Server) -> None:
    steps = [{"id": "slow", "type": "call-tool", "toolId": "sleep",
              "inputs": {"seconds": 2}, "timeout": "100ms"}]  # fmt: skip
    assert start(shared, steps, [{"from": "slow", "to": "end"}])["error"]["type"] == "Timeout"


def test_a_retried_request_has_the_same_idempotency_key(shared: Server) -> None:
    with Counting() as counting:
        steps = [{"id": "call", "type": "call-api", "method": "POST",
                  "url": f"{counting.address}/flaky", "body": {"a": 1},
                  "output": {"count": {"type": "integer", "value": "{{ response.body.count }}"}},
                  "retry": {"initialInterval": "20ms"}}]  # fmt: skip
        outcome = start(shared, steps, [{"from": "call", "to": "end"}])
        assert outcome["data"] == {"count": 2}
        assert list(counting.requests) == [f"{outcome['runId']}:call:1"]


def test_private_addresses_are_refused_unless_allowed(server: Server) -> None:
    server.kill()
    server.environment["STEPWELL_ALLOWED_NETWORKS"] = ""
    server.start()
    for host in ("127.0.0.1", "localhost", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0"):
        steps = [{"id": "call", "type": "call-api", "url": f"http://{host}:{server.port}/healthz"}]
        outcome = start(server, steps, [{"from": "call", "to": "end"}])
        assert outcome["error"]["type"] == "AddressNotAllowed", (host, outcome)


def test_a_wait_ends_and_the_run_completes(shared: Server) -> None:
    steps = [{"id": "wait", "type": "wait", "duration": "300ms"}]
    assert start(shared, steps, [{"from": "wait", "to": "end"}])["status"] == "completed"


def test_a_wait_until_the_first_moment_of_all_ends_at_once(shared: Server) -> None:
    steps = [{"id": "wait", "type": "wait", "until": 0}]
    assert start(shared, steps, [{"from": "wait", "to": "end"}])["status"] == "completed"


def test_a_start_with_a_wait_limit_returns_202_and_the_run_continues(shared: Server) -> None:
    document = {
        "id": "bounded", "name": "Bounded", "initialStep": "wait",
        "steps": [{"id": "wait", "type": "wait", "duration": "1s"}, END],
        "edges": [{"from": "wait", "to": "end"}],
    }  # fmt: skip
    with shared.client() as client:
        client.post("/api/workflows", json=document)
        answer = client.post("/api/workflow/start/bounded", headers={"prefer": "wait=0"})
        assert (answer.status_code, answer.json()["status"]) == (202, "running")
        assert settled(client, answer.json()["runId"])["status"] == "completed"


def test_a_deadline_takes_the_timeout_edge(shared: Server) -> None:
    steps = [{"id": "ask", "type": "request-user-action", "deadline": "100ms"}]
    edges = [{"from": "ask", "to": "end"}, {"from": "ask", "to": "end", "on": "timeout"}]
    run_id = start(shared, steps, edges)["runId"]
    with shared.client() as client:
        document = settled(client, run_id, "completed")
    assert document["stepExecutionHistory"][0]["status"] == "timed_out"


def test_a_cancel_stops_the_running_step_and_cleans_up(shared: Server) -> None:
    with Counting() as counting:
        document = {
            "id": "stoppable", "name": "Stoppable", "initialStep": "hang",
            "steps": [
                {"id": "hang", "type": "call-api", "method": "POST", "url": f"{counting.address}/hang"},
                {"id": "tidy", "type": "call-api", "method": "POST", "url": f"{counting.address}/ok"},
                END,
            ],
            "edges": [
                {"from": "hang", "to": "end"},
                {"from": "hang", "to": "tidy", "on": "cancel"},
                {"from": "tidy", "to": "end"},
            ],
        }  # fmt: skip
        with shared.client() as client:
            client.post("/api/workflows", json=document)
            run_id = client.post("/api/workflow/start-async/stoppable").json()["runId"]
            while not counting.requests:
                time.sleep(0.01)
            client.post("/api/workflow/management/cancel", json={"runId": run_id})
            document = settled(client, run_id)
        assert document["status"] == "cancelled"
        assert [item["stepId"] for item in document["stepExecutionHistory"]] == [
            "hang",
            "tidy",
            "end",
        ]
        assert f"{run_id}:tidy:1" in counting.requests
