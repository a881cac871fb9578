"""Child runs, over HTTP: one, or one for each item, with every outcome."""

import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.harness.counting import Counting
from tests.harness.server import Server, settled
from tests.harness.workflows import (
    ANSWER,
    ASK,
    PAYLOAD,
    call,
    create,
    descendants,
    start,
    status,
    straight,
)

DOUBLE = {"id": "double", "type": "call-tool", "toolId": "add",
          "inputs": {"a": "{{ data.n }}", "b": "{{ data.n }}"}, "output": {"sum": {"type": "integer"}}}  # fmt: skip


def test_a_child_has_its_own_status_and_returns_its_data(shared: Server) -> None:
    with shared.client() as client:
        create(client, "double", [DOUBLE], straight("double"), **PAYLOAD)
        steps = [call("double", data={"n": "{{ data.n }}"}, output={"sum": {"type": "integer"}})]
        create(client, "doubles", steps, straight("call"))
        outcome = start(client, "doubles", n=4)
        assert (outcome["status"], outcome["data"]) == ("completed", {"n": 4, "sum": 8})
        parent = status(client, outcome["runId"])
        (child_id,) = parent["childRunIds"]
        child = status(client, child_id)
        assert child["parentRunId"] == outcome["runId"]
        assert child["stepExecutionHistory"][0]["stepId"] == "double"
        assert parent["stepExecutionHistory"][0]["outputData"] == {"n": 4, "sum": 8}
        listed = client.get("/api/workflow/runs", params={"parentRunId": outcome["runId"]}).json()
        assert [run["runId"] for run in listed["runs"]] == [child_id]


def test_the_failure_of_a_child_fails_the_parent_with_its_error(shared: Server) -> None:
    with shared.client() as client:
        create(
            client,
            "bad",
            [{"id": "boom", "type": "call-tool", "toolId": "explode"}],
            straight("boom"),
        )
        create(client, "over-bad", [call("bad")], straight("call"))
        outcome = status(client, start(client, "over-bad")["runId"])
        error, (visit,) = outcome["error"], outcome["stepExecutionHistory"]
        assert (error["stepId"], error["type"]) == ("call", "ToolFailed")
        child = status(client, outcome["childRunIds"][0])
        assert error["message"] == child["error"]["message"]
        assert visit["error"] == {
            "type": "ToolFailed", "message": error["message"], "childRunId": child["runId"], "childStepId": "boom",
        }  # fmt: skip


def test_input_that_does_not_fit_fails_the_child(shared: Server) -> None:
    with shared.client() as client:
        create(client, "strict", [DOUBLE], straight("double"), **PAYLOAD)
        create(client, "careless", [call("strict", data={"n": "four"})], straight("call"))
        outcome = start(client, "careless")
        assert outcome["error"]["type"] == "InvalidInput"
        (child_id,) = status(client, outcome["runId"])["childRunIds"]
        assert status(client, child_id)["error"]["type"] == "InvalidInput"


def test_a_workflow_that_does_not_exist_fails_the_step(shared: Server) -> None:
    with shared.client() as client:
        create(client, "to-nowhere", [call("nowhere")], straight("call"))
        assert start(client, "to-nowhere")["error"]["type"] == "UnknownWorkflow"


def test_a_workflow_that_calls_itself_without_end_fails(shared: Server) -> None:
    with shared.client() as client:
        create(client, "endless", [call("endless")], straight("call"))
        error = start(client, "endless")["error"]
        assert error["type"] == "TooDeep"
        assert "endless call itself endlessly" in error["message"]


def test_a_pause_shows_in_every_parent_and_is_answered_at_the_top(shared: Server) -> None:
    with shared.client() as client:
        create(client, "asks", [ASK], straight("ask"))
        create(client, "middle", [call("asks")], straight("call"))
        create(client, "top", [call("middle")], straight("call"))
        outcome = start(client, "top")
        assert outcome["status"] == "paused"
        signal = outcome["pauseSignal"]
        assert (signal["type"], signal["stepId"], signal["message"]) == (
            "request_user_action",
            "ask",
            "Well?",
        )
        assert status(client, signal["runId"])["workflowId"] == "asks"
        address = f"/api/workflow/resume/{outcome['runId']}"
        assert client.post(address, json={**ANSWER, "actionValue": "maybe"}).status_code == 400
        assert (
            client.post(address, json={**ANSWER, "runId": "dynamic-workflow-1"}).status_code == 409
        )
        answered = client.post(address, json={**ANSWER, "runId": signal["runId"]})
        assert answered.status_code == 200, answered.text
        assert answered.json()["pauseSignal"] is None
        assert settled(client, outcome["runId"])["status"] == "completed"
        assert client.post(address, json=ANSWER).status_code == 409


def test_a_pause_answered_at_the_child_resumes_the_parent(shared: Server) -> None:
    with shared.client() as client:
        create(client, "asks-2", [ASK], straight("ask"))
        create(client, "parent-2", [call("asks-2")], straight("call"))
        outcome = start(client, "parent-2")
        child_id = outcome["pauseSignal"]["runId"]
        assert client.post(f"/api/workflow/resume/{child_id}", json=ANSWER).status_code == 200
        assert settled(client, outcome["runId"], "completed")


def test_outputs_are_in_the_order_of_the_items(shared: Server) -> None:
    with shared.client() as client:
        create(client, "double-item", [DOUBLE], straight("double"), **PAYLOAD)
        steps = [call("double-item", items="{{ data.numbers }}", data={"n": "{{ item }}"}, concurrency=7,
                      output={"doubled": {"type": "array", "value": "{{ result.outputs }}"}})]  # fmt: skip
        create(client, "double-all", steps, straight("call"))
        numbers = list(range(50))
        outcome = start(client, "double-all", numbers=numbers)
        assert outcome["status"] == "completed", outcome
        assert [child["sum"] for child in outcome["data"]["doubled"]] == [2 * n for n in numbers]
        document = status(client, outcome["runId"])
        assert len(document["childRunIds"]) == 50
        assert start(client, "double-all", numbers=[])["data"]["doubled"] == []


def test_failed_items_are_listed_if_the_others_continue(shared: Server) -> None:
    with shared.client() as client:
        create(client, "picky", [DOUBLE], straight("double"), **PAYLOAD)
        steps = [call("picky", items="{{ data.numbers }}", data={"n": "{{ item }}"}, onItemError="continue",
                      concurrency=2)]  # fmt: skip
        create(client, "pick-all", steps, straight("call"))
        outcome = start(client, "pick-all", numbers=[1, "two", 3, "four"])
        assert outcome["status"] == "completed"
        output = status(client, outcome["runId"])["stepExecutionHistory"][0]["outputData"]
        assert (output["completed"], output["failed"]) == (2, 2)
        assert [error["index"] for error in output["errors"]] == [1, 3]
        assert [item and item["sum"] for item in output["outputs"]] == [2, None, 6, None]


def test_the_first_failed_item_stops_the_others(shared: Server) -> None:
    with shared.client() as client:
        steps = [{"id": "ask", "type": "request-user-action"}]
        create(client, "waits", [*steps], straight("ask"), payload={"n": {"type": "integer"}})
        flow = call("waits", items="{{ data.numbers }}", data={"n": "{{ item }}"}, concurrency=3)
        create(client, "wait-all", [flow], straight("call"))
        outcome = start(client, "wait-all", numbers=[1, 2, "three", 4])
        assert (outcome["status"], outcome["error"]["type"]) == ("failed", "InvalidInput")
        for child_id in status(client, outcome["runId"])["childRunIds"]:
            assert settled(client, child_id, "cancelled", "failed")


def test_a_retry_starts_only_the_items_that_failed(shared: Server) -> None:
    with shared.client() as client, Counting() as counting:
        flaky = {"id": "post", "type": "call-api", "method": "POST", "url": "{{ data.url }}",
                 "headers": {"Idempotency-Key": "item-{{ data.n }}"}}  # fmt: skip
        create(client, "flaky-item", [flaky], straight("post"))
        flow = call("flaky-item", items="{{ data.paths }}", concurrency=1,
                    data={"n": "{{ index }}", "url": counting.address + "/{{ item }}"},
                    retry={"maxAttempts": 3, "initialInterval": "10ms"})  # fmt: skip
        create(client, "flaky-all", [flow], straight("call"))
        outcome = start(client, "flaky-all", paths=["ok", "flaky", "ok"])
        assert outcome["status"] == "completed", outcome
        assert counting.requests == {"item-0": 1, "item-1": 2, "item-2": 1}


WRONG = {"id": "work", "type": "call-tool", "toolId": "add", "inputs": {"a": "x", "b": 1}}
FLAKY = {"id": "work", "type": "call-tool", "toolId": "explode"}
NAMED = {**FLAKY, "retry": {"nonRetryableErrors": ["ToolFailed"]}}
JUDGED = {"id": "work", "type": "end-flow", "status": "failed", "errorType": "Bad", "message": "no"}
TWICE = {"maxAttempts": 2, "initialInterval": "1ms"}
EACH: dict[str, Any] = {"items": [1], "concurrency": 1}


@pytest.mark.parametrize(("work", "more", "attempts"), [
    (WRONG, {}, 1), (WRONG, EACH, 1), (WRONG, {**EACH, "enough": "any"}, 1),
    (WRONG, {"retry": {**TWICE, "on": ["InvalidToolInput"]}}, 2),
    (FLAKY, {}, 2), (FLAKY, {**EACH, "enough": "any"}, 2), (NAMED, {}, 1), (JUDGED, {}, 2),
])  # fmt: skip
def test_a_retry_repeats_no_child_that_would_fail_again(
    shared: Server, work: dict[str, Any], more: dict[str, Any], attempts: int
) -> None:
    with shared.client() as client:
        name = f"final-{uuid.uuid4().hex[:8]}"
        begin = {"id": "begin", "type": "wait", "duration": "1ms"}
        edges = [
            {"from": "begin", "to": "work", "condition": "true"},
            {"from": "begin", "to": "end"},
        ]
        edges += [] if work is JUDGED else straight("work")
        create(client, name, [begin, work], edges)
        create(client, f"over-{name}", [call(name, **{"retry": TWICE, **more})], straight("call"))
        outcome = start(client, f"over-{name}")
        assert (outcome["status"], outcome["error"]["attempts"]) == ("failed", attempts)
        assert len(status(client, outcome["runId"])["childRunIds"]) == attempts


def test_cancel_and_terminate_reach_the_children(shared: Server) -> None:
    with shared.client() as client:
        create(
            client,
            "sleeper",
            [{"id": "sleep", "type": "wait", "duration": "1h"}],
            straight("sleep"),
        )
        create(client, "over-sleeper", [call("sleeper")], straight("call"))
        create(client, "top-sleeper", [call("over-sleeper")], straight("call"))
        for verb, end in (("cancel", "cancelled"), ("terminate", "terminated")):
            run_id = client.post("/api/workflow/start-async/top-sleeper").json()["runId"]
            ids = [run_id]
            while len(ids) < 3:
                ids = [run_id, *descendants(client, run_id)]
            answer = client.post(f"/api/workflow/management/{verb}", json={"runId": run_id})
            assert answer.status_code == 200, answer.text
            assert [settled(client, one)["status"] for one in ids] == [end] * 3


def test_a_timeout_stops_the_child_and_may_be_retried(shared: Server) -> None:
    with shared.client() as client:
        create(
            client, "slow", [{"id": "sleep", "type": "wait", "duration": "1h"}], straight("sleep")
        )
        flow = call("slow", timeout="150ms", retry={"maxAttempts": 2, "initialInterval": "10ms"})
        create(client, "hasty", [flow], straight("call"))
        outcome = start(client, "hasty")
        assert (outcome["error"]["type"], outcome["error"]["attempts"]) == ("Timeout", 2)
        children = status(client, outcome["runId"])["childRunIds"]
        assert len(children) == 2
        assert {settled(client, child)["status"] for child in children} == {"cancelled"}


def test_progress_is_shown_while_items_run(shared: Server) -> None:
    with shared.client() as client:
        ask = {"id": "ask", "type": "request-user-action"}
        create(client, "asks-item", [ask], straight("ask"))
        create(
            client,
            "asks-all",
            [call("asks-item", items="{{ data.numbers }}", concurrency=2)],
            straight("call"),
        )
        outcome = start(client, "asks-all", numbers=[1, 2, 3])
        progress = status(client, outcome["runId"])["stepExecutionHistory"][0]["progress"]
        assert progress == {"total": 3, "completed": 0, "failed": 0, "running": 0, "paused": 2}
        answer = {**ANSWER}
        for _ in range(3):
            until = time.monotonic() + 60
            while (
                client.post(f"/api/workflow/resume/{outcome['runId']}", json=answer).status_code
                == 409
            ):
                assert time.monotonic() < until, status(client, outcome["runId"])
                time.sleep(0.01)
        assert settled(client, outcome["runId"])["status"] == "completed"


STUBBORN = {"id": "work", "type": "call-tool", "toolId": "stubborn", "inputs": {"seconds": 0.3}}


def ended_before(client: httpx.Client, run_id: str, step_id: str) -> bool:
    """Return whether every child run had ended when the run entered the step."""
    document = status(client, run_id)
    (entry,) = (e for e in document["stepExecutionHistory"] if e["stepId"] == step_id)
    children = [status(client, child) for child in document["childRunIds"]]
    ends = [child["stepExecutionHistory"][-1].get("endTime") for child in children]
    assert ends
    return all(end is not None and end <= entry["startTime"] for end in ends)


def test_cleanup_starts_when_the_child_has_stopped(shared: Server) -> None:
    with shared.client() as client:
        create(client, "stubborn", [STUBBORN], straight("work"))
        edges = [*straight("call"), {"from": "call", "to": "end", "on": "cancel"}]
        create(client, "cleans-up", [call("stubborn")], edges)
        run_id = client.post("/api/workflow/start-async/cleans-up").json()["runId"]
        until(lambda: status(client, run_id)["childRunIds"])
        (child,) = status(client, run_id)["childRunIds"]
        until(lambda: status(client, child)["currentStepId"] == "work")
        client.post("/api/workflow/management/cancel", json={"runId": run_id})
        assert settled(client, run_id)["status"] == "cancelled"
        assert ended_before(client, run_id, "end")


def test_an_error_edge_is_taken_when_the_other_children_have_stopped(shared: Server) -> None:
    with shared.client() as client:
        broken = {"id": "explode", "type": "call-tool", "toolId": "explode"}
        choice = [{"from": "begin", "to": "explode", "condition": "data.n == 2"},
                  {"from": "begin", "to": "work"}, *straight("explode"), *straight("work")]  # fmt: skip
        begin = {"id": "begin", "type": "wait", "duration": "200ms"}
        create(client, "one-explodes", [begin, STUBBORN, broken], choice)
        edges = [*straight("call"), {"from": "call", "to": "end", "on": "error"}]
        each = call("one-explodes", items=[1, 2, 3], data={"n": "{{ item }}"})
        create(client, "explodes", [each], edges)
        outcome = start(client, "explodes")
        assert outcome["status"] == "completed", outcome
        assert ended_before(client, outcome["runId"], "end")


def until(look: Callable[[], Any]) -> None:
    end = time.monotonic() + 30
    while not look():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_all_items_run_one_version_of_the_child_even_if_it_is_archived(shared: Server) -> None:
    with shared.client() as client:
        ask = {"id": "ask", "type": "request-user-action"}
        create(client, "versions", [ask], straight("ask"))
        each = call("versions", items=[1, 2, 3], concurrency=1, collect="result")
        create(client, "maps-versions", [each], straight("call"))
        run_id = start(client, "maps-versions")["runId"]
        second = {"id": "end", "type": "end-flow", "result": {"data": "second"}}
        client.put("/api/workflows/versions", json={"steps": [ask, second]}).raise_for_status()
        for item in range(3):
            until(lambda item=item: item in answered(client, run_id))  # type: ignore[misc] # bound as a default, so that it is this one
            if item == 1:
                client.delete("/api/workflows/versions").raise_for_status()
        document = settled(client, run_id)
        assert document["status"] == "completed", document
        output = document["stepExecutionHistory"][0]["outputData"]
        assert [entry["data"] for entry in output["outputs"]] == [{}, {}, {}]
        listed = client.get("/api/workflow/runs", params={"parentRunId": run_id}).json()["runs"]
        assert {row["version"] for row in listed} == {"1.0.0"}


def answered(client: httpx.Client, run_id: str) -> set[int]:
    """Answer the pause of a child; return in a set how many earlier children had started."""
    document = status(client, run_id)
    if document["status"] != "paused":
        return set()
    done = client.post(f"/api/workflow/resume/{run_id}", json=ANSWER)
    return {len(document["childRunIds"]) - 1} if done.status_code == 200 else set()


def test_an_item_with_an_unknown_workflow_fails_alone(shared: Server) -> None:
    with shared.client() as client:
        create(client, "fine", [], [])
        items: list[Any] = [{"w": "fine"}, {"w": "nowhere"}, {"w": 7}, {}, {"w": "fine"}]
        each = call("{{ item.w }}", items=items, onItemError="continue")
        create(client, "some-nowhere", [each], straight("call"))
        outcome = start(client, "some-nowhere")
        assert outcome["status"] == "completed", outcome
        output = status(client, outcome["runId"])["stepExecutionHistory"][0]["outputData"]
        assert (output["completed"], output["failed"]) == (2, 3)
        reported = [(error["index"], error["type"]) for error in output["errors"]]
        assert reported == [(1, "UnknownWorkflow"), (2, "InvalidItems"), (3, "ExpressionFailed")]


def test_what_is_no_list_of_items_is_named(shared: Server) -> None:
    with shared.client() as client:
        create(client, "each-fine", [], [])
        create(client, "no-list", [call("each-fine", items="{{ data.items }}")], straight("call"))
        for items, told in (({"a": 1}, "not an object"), (None, "not null"), ("a,b", "not a text")):
            error = start(client, "no-list", items=items)["error"]
            assert (error["type"], told in error["message"]) == ("InvalidItems", True), error
        assert start(client, "no-list", items=[])["status"] == "completed"


def test_a_child_started_without_waiting_is_independent_and_starts_once(
    shared: Server,
) -> None:
    with shared.client() as client:
        slow = {"id": "slow", "type": "wait", "duration": "1h"}
        create(client, "goes-on", [slow], straight("slow"), **PAYLOAD)
        steps = [call("goes-on", data={"n": 4}, wait=False)]
        create(client, "sends-off", steps, straight("call"))
        outcome = start(client, "sends-off")
        assert outcome["status"] == "completed"
        parent = status(client, outcome["runId"])
        started = parent["stepExecutionHistory"][0]["outputData"]["runId"]
        child = status(client, started)
        assert (child["status"], child["data"], child["parentRunId"]) == ("running", {"n": 4}, None)
        assert child["startedBy"] == {"runId": outcome["runId"], "stepId": "call"}
        assert parent["childRunIds"] == []
        each = call(
            "goes-on", items=[1, 2, "no"], data={"n": "{{ item }}"}, wait=False,
            retry={"maxAttempts": 3, "initialInterval": "1ms", "on": ["InvalidInput"]},
        )  # fmt: skip
        create(client, "sends-some", [each], straight("call"))
        error = start(client, "sends-some")["error"]
        assert (error["type"], error["attempts"]) == ("InvalidInput", 3)
        shown = client.get("/api/workflow/runs", params={"workflowId": "goes-on"}).json()["runs"]
        assert len(shown) == 3, "each item is started once, however often the step is"
        loop = [call("circle", wait=False)]
        create(client, "circle", loop, straight("call"))
        start(client, "circle")
        until = time.monotonic() + 30
        while not (
            failed := client.get(
                "/api/workflow/runs", params={"workflowId": "circle", "status": "failed"}
            ).json()["runs"]
        ):
            assert time.monotonic() < until
            time.sleep(0.02)
        assert status(client, failed[0]["runId"])["error"]["type"] == "TooDeep"
