"""`concurrency` of a workflow, over HTTP: queues, refusal, replacement, and kill -9."""

import time
from typing import Any

import httpx

from tests.harness.server import Server, settled
from tests.harness.workflows import create, start, status, straight

ASK = {"id": "ask", "type": "request-user-action", "message": "Go on?"}
APPROVED = {"type": "request_user_action", "actionId": "ask", "actionValue": "approved"}


def limited(client: httpx.Client, name: str, *, steps: Any = (ASK,), **concurrency: Any) -> None:
    create(client, name, list(steps), straight(steps[0]["id"]), concurrency=concurrency)


def begin(client: httpx.Client, workflow_id: str, **data: Any) -> str:
    answer = client.post(f"/api/workflow/start-async/{workflow_id}", json={"data": data})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["runId"])


def queued(client: httpx.Client, run_id: str) -> bool:
    return "queuedSince" in status(client, run_id)


def has_begun(client: httpx.Client, run_id: str) -> None:
    settled(client, run_id, "paused")


def go_on(client: httpx.Client, run_id: str) -> None:
    answer = client.post(f"/api/workflow/resume/{run_id}", json=APPROVED)
    assert answer.status_code == 200, answer.text


def test_runs_of_a_key_queue_and_others_do_not(shared: Server) -> None:
    with shared.client() as client, shared.client(tenant="other") as other:
        limited(
            client, "line", key="{{ data.who }}", limit=1, priority="{{ data.rank | default(0) }}"
        )
        limited(other, "line", key="{{ data.who }}", limit=1)
        first, second, third = (begin(client, "line", who="ann") for _ in range(3))
        urgent = begin(client, "line", who="ann", rank=5)
        has_begun(client, begin(client, "line", who="bob"))
        has_begun(other, begin(other, "line", who="ann"))
        has_begun(client, first)
        for run_id in (second, third, urgent):
            assert queued(client, run_id)
            assert status(client, run_id)["status"] == "running"
        for run_id, following in ((first, urgent), (urgent, second)):
            go_on(client, run_id)
            has_begun(client, following)
        assert queued(client, third)
        body = {"workflowId": "line", "runId": third, "reason": "no need"}
        reported = client.post("/api/workflow/management/cancel", json=body).json()
        assert reported["status"] == "cancelled"
        assert status(client, third)["stepExecutionHistory"] == []
        odd = start(client, "line", who="x" * 201)
        assert (odd["status"], odd["error"]["type"]) == ("failed", "ExpressionFailed")


def test_a_pool_is_shared_by_runs_and_groups_of_several_workflows(shared: Server) -> None:
    pool: dict[str, Any] = {"pool": "warehouse", "limit": "{{ vars.slots }}"}
    body: dict[str, Any] = {"steps": [ASK]}
    whole = {"id": "fork", "type": "parallel", "branches": {"one": {**body, "concurrency": pool}}}
    with shared.client() as client, shared.client(tenant="other") as other:
        assert client.put("/api/variables/slots", json={"value": 1}).status_code < 300
        limited(client, "of-a-pool", key="a", **pool)
        create(client, "forks", [whole], straight("fork"))
        called = {"id": "group", "type": "group", **body, "concurrency": {**pool, "key": "a"}}
        create(client, "groups", [called], straight("group"))
        limited(other, "of-a-pool", key="a", pool="warehouse", limit=1)
        first, free, grouped = (begin(client, each) for each in ("of-a-pool", "forks", "groups"))
        for run_id in (first, free):
            has_begun(client, run_id)
        has_begun(other, begin(other, "of-a-pool"))
        while not (children := status(client, grouped)["childRunIds"]):
            time.sleep(0.01)
        (child,), second = children, begin(client, "of-a-pool")
        assert queued(client, child)
        go_on(client, first)
        has_begun(client, child)
        assert queued(client, second)
        assert client.put("/api/variables/slots", json={"value": 0}).status_code < 300
        error = start(client, "of-a-pool")["error"]
        assert (error["type"], "from 1 to 100,000" in error["message"]) == (
            "ExpressionFailed",
            True,
        )
        cancel = {"workflowId": "groups", "runId": grouped, "reason": "no need"}
        assert client.post("/api/workflow/management/cancel", json=cancel).status_code == 200
        has_begun(client, second)


def test_a_run_above_the_limit_is_refused_or_replaces_the_oldest(shared: Server) -> None:
    with shared.client() as client:
        limited(client, "refuses", limit=1, whenFull="refuse")
        first = begin(client, "refuses")
        has_begun(client, first)
        error = start(client, "refuses")["error"]
        assert (error["type"], error["stepId"]) == ("LimitReached", None)
        go_on(client, first)
        settled(client, first, "completed")
        has_begun(client, begin(client, "refuses"))
        slow = {"id": "slow", "type": "call-tool", "toolId": "stubborn", "inputs": {"seconds": 0.3}}
        limited(client, "newest", steps=[slow], limit=1, whenFull="cancel-oldest")
        runs = [begin(client, "newest") for _ in range(3)]
        while status(client, runs[2])["currentStepId"] != "slow":
            time.sleep(0.02)
        assert [status(client, run_id)["status"] for run_id in runs[:2]] == [
            "cancelled",
            "cancelled",
        ]
        call = {"id": "call", "type": "call-workflow", "workflowId": "refuses"}
        create(client, "calls", [call], straight("call"))
        assert start(client, "calls")["error"]["type"] == "LimitReached"


def test_order_and_limit_survive_a_kill(server: Server) -> None:
    with server.client() as client:
        limited(client, "kept", limit=2)
        runs = [begin(client, "kept") for _ in range(12)]
    order: list[str] = []
    for _ in range(3):
        server.kill()
        server.start()
        with server.client() as client:
            for _ in range(2):
                for run_id in runs[len(order) : len(order) + 2]:
                    has_begun(client, run_id)
                shown = [status(client, run_id) for run_id in runs]
                under_way = [run["runId"] for run in shown if run["status"] == "paused"]
                assert under_way == runs[len(order) : len(order) + 2]
                assert [run["runId"] for run in shown if "queuedSince" in run] == runs[
                    len(order) + 2 :
                ]
                go_on(client, under_way[0])
                order.append(under_way[0])
    assert order == runs[:6]


def test_a_save_warns_of_a_body_that_waits_for_its_own_run(shared: Server) -> None:
    pool = {"pool": "warned", "limit": 1}
    inner = {"id": "rest", "type": "set", "values": {"a": "{{ steps.gone.output }}"}}
    part = {"id": "part", "type": "group", "concurrency": pool, "steps": [inner]}
    with shared.client("editor") as client:
        saved = client.post("/api/workflows", json={
            "name": "Warned", "concurrency": pool, "steps": [part, {"id": "end", "type": "end-flow"}],
            "edges": [{"from": "part", "to": "end"}],
        })  # fmt: skip
    assert saved.status_code == 201, saved.text
    reported = [item["path"] for item in saved.json()["warnings"]]
    assert reported == ["steps[0].steps[0].values.a", "steps[0].concurrency.pool"]
