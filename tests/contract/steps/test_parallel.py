"""Parallel branches, over HTTP: their data, failures, conditions, pauses and status."""

import time
from html import unescape
from typing import Any

from app.web.console.diagram.graph import draw
from steps.document.bodies import body_at
from stepwell import Client
from tests.contract.people.test_sign_in import signed_in
from tests.harness.server import Server, settled
from tests.harness.workflows import ANSWER, ASK, create, start, status, straight

BOOM = {"steps": [{"id": "boom", "type": "call-tool", "toolId": "explode"}]}
ASKS = {"steps": [ASK]}


def gives(value: str) -> dict[str, Any]:
    return {"steps": [{"id": "give", "type": "end-flow", "result": {"v": value}}]}


def fork(branches: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "fork", "type": "parallel", "branches": branches, **more}


def test_a_branch_reads_the_data_and_its_changes_are_its_own(shared: Server) -> None:
    adds = {"steps": [{"id": "add", "type": "set", "values": {"n": "{{ data.n + 1 }}"}},
                      {"id": "give", "type": "end-flow", "result": {"v": "{{ data.n }}"}}],
            "edges": [{"from": "add", "to": "give"}]}  # fmt: skip
    only = {**gives("{{ data.m }} {{ data.n is defined }}"), "with": {"m": "{{ data.n }}"}}
    output = {"a": {"type": "integer", "value": "{{ result.adds.v }}"},
              "b": {"type": "string", "value": "{{ result.only.v }}"}}  # fmt: skip
    with shared.client() as client:
        create(
            client, "sees", [fork({"adds": adds, "only": only}, output=output)], straight("fork")
        )
        outcome = start(client, "sees", n=4)
        assert outcome["data"] == {"n": 4, "a": 5, "b": "4 false"}


def test_failures_are_returned_as_values_if_configured(shared: Server) -> None:
    step = fork(
        {"bad": BOOM, "good": gives("yes"), "none": {"workflow": "nowhere"}},
        onBranchError="continue",
    )
    with shared.client() as client:
        create(client, "continues", [step], straight("fork"))
        outcome = status(client, start(client, "continues")["runId"])
        result = outcome["stepExecutionHistory"][0]["outputData"]
        assert result["good"] == {"v": "yes"}
        assert result["bad"]["error"]["type"] == "ToolFailed"
        assert result["none"]["error"]["type"] == "UnknownWorkflow"
        assert result["bad"]["error"]["runId"] in outcome["childRunIds"]


def test_too_few_successes_fail_with_the_error_of_each_and_stop_the_rest(shared: Server) -> None:
    branches = {"bad": BOOM, "asks": ASKS, "worse": BOOM, "good": gives("yes")}
    with shared.client() as client:
        create(client, "too-few", [fork(branches, enough=3)], straight("fork"))
        run_id = client.post("/api/workflow/start-async/too-few", json={}).json()["runId"]
        error = settled(client, run_id, "failed")["error"]
        assert (error["stepId"], error["type"]) == ("fork", "NotEnough")
        reported = "3 of 4 must complete, and 2 have failed (bad: ToolFailed: "
        assert error["message"].startswith(reported)
        assert "worse: ToolFailed: " in error["message"]
        ends = [status(client, child)["status"] for child in status(client, run_id)["childRunIds"]]
        assert ends == ["failed", "cancelled", "failed", "completed"]


def test_a_branch_whose_condition_is_false_is_skipped(shared: Server) -> None:
    over = {"steps": [ASK, *gives("over")["steps"]], "edges": [{"from": "ask", "to": "give"}]}
    branches = {"over": {**over, "when": "data.n > 5"},
                "under": {**gives("under"), "when": "{{ data.n < 5 }}"},
                "soon": {**gives("soon"), "when": "now() | length < data.n"}}  # fmt: skip
    output = {"skipped": {"type": "array", "value": "{{ response.skipped }}"},
              "results": {"type": "object", "value": "{{ result }}"}}  # fmt: skip
    with shared.client() as client:
        create(client, "some", [fork(branches, output=output)], straight("fork"))
        one = start(client, "some", n=1)["data"]
        assert one["skipped"] == ["over", "soon"]
        assert one["results"] == {"over": None, "under": {"v": "under"}, "soon": None}
        assert start(client, "some", n=5)["data"]["skipped"] == ["over", "under", "soon"]
        waiting = start(client, "some", n=100)
        assert waiting["pauseSignal"]["stepId"] == "ask"
        client.post(f"/api/workflow/resume/{waiting['runId']}", json=ANSWER).raise_for_status()
        both = settled(client, waiting["runId"], "completed")["data"]
        assert both["results"] == {"over": {"v": "over"}, "under": None, "soon": {"v": "soon"}}
        create(client, "two", [fork(branches, enough=2)], straight("fork"))
        error = status(client, start(client, "two", n=1)["runId"])["error"]
        assert error["message"] == "2 of 1 must complete, and 0 have failed"


def test_a_condition_of_a_branch_is_checked_like_one_of_an_edge(shared: Server) -> None:
    seal = {"id": "seal", "type": "set", "values": {"key": "abcdef"},
            "output": {"key": {"type": "string", "sensitive": True}}}  # fmt: skip
    branches = {
        "a": {**gives("a"), "when": "data.key == 'x'"},
        "b": {**gives("b"), "when": "data."},
    }
    with shared.client() as client:
        text = {"name": "When", "initialStep": "seal", "steps": [seal, fork(branches)]}
        refused = client.post("/api/workflows", json=text).json()["details"]
        reported = {problem["path"]: problem["message"] for problem in refused}
        assert "a name must follow" in reported["steps[1].branches.b.when"], reported
        branches["b"]["when"] = "'5' > 3"
        refused = client.post("/api/workflows", json=text).json()["details"]
        reported = {problem["path"]: problem["message"] for problem in refused}
        assert "steps[1].branches.a.when" not in reported, reported
        assert "steps[1].branches.b.when" in reported


def test_a_pause_in_a_branch_is_answered_through_the_parent(shared: Server) -> None:
    with shared.client() as client:
        create(client, "asks-aside", [fork({"asks": ASKS, "good": gives("yes")})], straight("fork"))
        outcome = start(client, "asks-aside")
        assert (outcome["status"], outcome["pauseSignal"]["stepId"]) == ("paused", "ask")
        answer = client.post(f"/api/workflow/resume/{outcome['runId']}", json=ANSWER)
        assert answer.status_code == 200, answer.text
        assert settled(client, outcome["runId"], "completed")


def test_all_pauses_below_a_run_are_shown_and_answered_separately(shared: Server) -> None:
    group = {
        "id": "group",
        "type": "group",
        "steps": [{**ASK, "id": "inner", "name": "Deep question"}],
    }
    each = {"id": "each", "type": "call-workflow", "items": "{{ [1, 2] }}", "steps": [ASK]}
    branches = {"one": ASKS, "deep": {"steps": [group]}, "items": {"steps": [each]},
                "sleeps": {"steps": [{"id": "nap", "type": "wait", "duration": "1h"}]}}  # fmt: skip
    with (
        shared.client() as client,
        signed_in(shared) as console,
        Client(shared.address, api_key=shared.key(), tenant="acme") as typed,
    ):
        create(
            client,
            "many-ask",
            [fork(branches, enough=3)],
            straight("fork"),
            title="Order {{ data.n }}",
        )
        run_id = client.post("/api/workflow/start-async/many-ask", json={"data": {"n": 7}}).json()[
            "runId"
        ]
        until = time.monotonic() + 30
        while len(typed.run(run_id).status().pauses) < 4 and time.monotonic() < until:
            time.sleep(0.02)
        running = typed.run(run_id).status()
        assert (running.status, running.pause) == (
            "running",
            None,
        )  # one of the branches sleeps, so the run is not paused
        reported = [(one.step_id, one.body, one.item) for one in running.pauses]
        assert sorted(reported, key=str) == [
            ("ask", "fork/items/each/item", 0), ("ask", "fork/items/each/item", 1), ("ask", "fork/one", 0), ("inner", "fork/deep/group", 0),
        ]  # fmt: skip
        inbox = unescape(console.get("/inbox").text)
        assert "Order 7" in inbox
        assert "Deep question" in inbox
        assert "fork / items / each, item 1" in inbox
        page = unescape(console.get(f"/runs/{run_id}").text)
        assert page.count("Pause of a child run") == 4
        listed = list(typed.runs(parent_run_id=run_id))
        assert {(one.body, one.item) for one in listed} == {
            ("fork/one", 0), ("fork/deep", 1), ("fork/items", 2), ("fork/sleeps", 3),
        }  # fmt: skip
        for one in running.pauses:
            answer = {**ANSWER, "actionId": one.action_id, "pauseId": one.pause_id}
            address = f"/api/workflow/resume/{run_id}"
            first = client.post(
                address, json=answer, headers={"idempotency-key": str(one.pause_id)}
            )
            assert first.status_code == 200, "also by the run that shows it, which has many"
            again = client.post(
                address, json=answer, headers={"idempotency-key": str(one.pause_id)}
            )
            assert (again.status_code, again.json()["runId"]) == (200, run_id)
            late = client.post(address, json=answer)
            assert late.status_code == 409, late.text
        none = client.post(address, json={**answer, "pauseId": "999999999999999999-1"})
        assert none.status_code == 409
        ended = settled(client, run_id, "completed")
        assert "pauseSignals" not in ended
        waiting = start(client, "asks-aside")
        assert waiting["pauseSignals"] == [
            {**waiting["pauseSignal"], "body": "fork/asks", "item": 0}
        ]


def test_a_run_of_a_body_is_shown_as_such_and_rerun_from_a_step(shared: Server) -> None:
    with shared.client() as client:
        local = {"steps": [{"id": "once", "type": "wait", "duration": "1ms"}, BOOM["steps"][0]],
                 "edges": [{"from": "once", "to": "boom"}]}  # fmt: skip
        steps = [{"id": "call", "type": "call-workflow", "workflowId": "#part"}]
        create(client, "has-part", steps, straight("call"), workflows={"part": local})
        outcome = status(client, start(client, "has-part")["runId"])
        assert outcome["error"]["type"] == "ToolFailed"
        child = status(client, outcome["childRunIds"][0])
        assert (child["workflowId"], child["body"], "body" in outcome) == (
            "has-part",
            "#part",
            False,
        )
        document = client.get("/api/workflows/has-part").json()
        assert "2 steps and 1 edge between them" in draw(body_at(document, child["body"]))
        again = client.post(f"/api/workflow/rerun/{child['runId']}", json={"stepId": "boom"})
        assert again.status_code == 200, again.text
        rerun = settled(client, again.json()["runId"])
        assert (rerun["status"], rerun["body"], rerun["error"]["stepId"]) == (
            "failed",
            "#part",
            "boom",
        )


def test_branches_that_ask_for_the_same_version_run_it_even_if_a_newer_one_is_published(
    shared: Server,
) -> None:
    ask = {"id": "ask", "type": "request-user-action"}
    old, new = (
        [ask, {"id": "end", "type": "end-flow", "result": {"v": v}}] for v in ("old", "new")
    )
    with shared.client() as client:
        document = {"id": "renewed", "name": "renewed", "steps": old, "edges": straight("ask")}
        client.post("/api/workflows", json={**document, "initialStep": "ask"}).raise_for_status()
        called = {"workflow": "renewed"}
        branches = {"a": called, "b": {**called, "needs": ["a"]},
                    "c": {**called, "version": "latest", "needs": ["a"]}}  # fmt: skip
        create(client, "renews", [fork(branches)], straight("fork"))
        run_id = start(client, "renews")["runId"]
        answered: set[str] = set()
        while (state := settled(client, run_id, "paused", "completed"))["status"] == "paused":
            asked = state["pauseSignal"]["pauseId"]
            if not answered:
                client.put("/api/workflows/renewed", json={"steps": new}).raise_for_status()
            if asked not in answered:
                client.post(f"/api/workflow/resume/{run_id}", json=ANSWER | {"pauseId": asked})
            answered.add(asked)
        result = state["stepExecutionHistory"][0]["outputData"]
    assert result == {"a": {"v": "old"}, "b": {"v": "old"}, "c": {"v": "new"}}


def test_branches_may_call_different_versions_of_a_workflow(shared: Server) -> None:
    with shared.client() as client:
        for value in ("old", "new"):
            end = {"id": "end", "type": "end-flow", "result": {"v": value}}
            document = {"id": "versions", "name": "versions", "initialStep": "end", "steps": [end]}
            if value == "old":
                client.post("/api/workflows", json=document)
            else:
                client.put("/api/workflows/versions", json=document)
        branches = {
            "a": {"workflow": "versions", "version": "1.0.0"},
            "b": {"workflow": "versions", "version": "latest"},
        }
        create(client, "both-versions", [fork(branches)], straight("fork"))
        outcome = status(client, start(client, "both-versions")["runId"])
        assert outcome["stepExecutionHistory"][0]["outputData"] == {
            "a": {"v": "old"},
            "b": {"v": "new"},
        }
