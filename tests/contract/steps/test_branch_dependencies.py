"""Branches that depend on others, and branches that a step does not wait for, over HTTP."""

import time
from typing import Any

import httpx

from tests.contract.steps.test_parallel import BOOM, fork, gives
from tests.harness.server import Server, settled
from tests.harness.workflows import ANSWER, ASK, create, start, status, straight

NAP = {"steps": [{"id": "nap", "type": "wait", "duration": "1h"}]}
LEFT = {"left": {"type": "object", "value": "{{ response.left }}"}}


def begin(client: httpx.Client, workflow_id: str) -> str:
    answer = client.post(f"/api/workflow/start-async/{workflow_id}", json={})
    return str(answer.json()["runId"])


def cancel(client: httpx.Client, workflow_id: str, run_id: str, how: str = "cancel") -> int:
    body = {"workflowId": workflow_id, "runId": run_id, "reason": "no need"}
    return int(client.post(f"/api/workflow/management/{how}", json=body).status_code)


def result_of(run: Any) -> Any:
    return run["stepExecutionHistory"][0]["outputData"]


def test_a_branch_starts_when_the_branches_it_needs_have_completed(shared: Server) -> None:
    own = {"payload": {"rows": {"type": "array"}},
           "steps": [{"id": "e", "type": "end-flow", "result": {"sum": "{{ data.rows | sum }}"}}]}  # fmt: skip
    reported = {
        "id": "e",
        "type": "end-flow",
        "result": {"of": "{{ data.needs }}", "n": "{{ data.n }}"},
    }
    branches = {
        "report": {"needs": ["count", "sum"], "steps": [reported]},
        "count": {"needs": ["rows"], **gives("{{ data.needs.rows.v | length }}")},
        "sum": {"needs": ["rows"], "workflow": "#sum", "with": {"rows": "{{ data.needs.rows.v }}"}},
        "rows": gives("{{ [1, 2, 4] }}"),
    }
    with shared.client() as client:
        for name, more in (("graph", {}), ("in-turns", {"concurrency": 1})):
            create(client, name, [fork(branches, **more)], straight("fork"), workflows={"sum": own})
            run = status(client, start(client, name, n=5)["runId"])
            report = {"of": {"count": {"v": 3}, "sum": {"sum": 7}}, "n": 5}
            assert result_of(run)["report"] == report
            times = {
                child["body"]: (child["startTime"], child["endTime"])
                for child in (status(client, each) for each in run["childRunIds"])
            }
            assert times["fork/count"][0] >= times["fork/rows"][1]
            assert times["fork/report"][0] >= max(times["#sum"][1], times["fork/count"][1])


def test_branches_that_need_a_failed_or_skipped_branch_are_skipped(shared: Server) -> None:
    branches = {"bad": BOOM, "off": {**gives("x"), "when": "false"}, "good": gives("yes"),
                "one": {"needs": ["bad"], **gives("x")}, "two": {"needs": ["one"], **gives("x")},
                "three": {"needs": ["off", "good"], **gives("x")}}  # fmt: skip
    output = {"told": {"type": "object", "value": "{{ response }}"}}
    with shared.client() as client:
        step = fork(branches, onBranchError="continue", output=output)
        create(client, "skips", [step], straight("fork"))
        reported = start(client, "skips")["data"]["told"]
        assert reported == {"completed": ["good"], "failed": ["bad"], "stopped": [], "left": {},
                        "skipped": ["off", "one", "two", "three"]}  # fmt: skip
        create(client, "fails", [fork(branches, enough=3)], straight("fork"))
        error = status(client, start(client, "fails")["runId"])["error"]
        assert error["message"].startswith("3 of 4 must complete, and 1 has failed (bad: Tool")
        create(client, "named", [fork(branches, enough=["good", "two"])], straight("fork"))
        error = status(client, start(client, "named")["runId"])["error"]
        assert error["message"].startswith("good, two must complete, and 1 has failed")


def test_branches_named_in_enough_must_complete(shared: Server) -> None:
    branches = {"task": ASK_THEN_GIVE, "soon": gives("soon"), "bad": BOOM, "nap": NAP}
    with shared.client() as client:
        create(client, "task-first", [fork(branches, enough=["task"])], straight("fork"))
        waiting = begin(client, "task-first")
        while not (pauses := status(client, waiting).get("pauseSignals")):
            time.sleep(0.01)
        client.post(f"/api/workflow/resume/{pauses[0]['runId']}", json=ANSWER).raise_for_status()
        run = settled(client, waiting, "completed")
        assert result_of(run) == {
            "task": {"v": "done"},
            "soon": {"v": "soon"},
            "bad": None,
            "nap": None,
        }
        ends = [status(client, child)["status"] for child in run["childRunIds"]]
        assert ends == ["completed", "completed", "failed", "cancelled"]


ASK_THEN_GIVE = {"steps": [ASK, *gives("done")["steps"]], "edges": [{"from": "ask", "to": "give"}]}


def test_other_branches_continue_independently_if_configured(shared: Server) -> None:
    branches = {"first": gives("one"), "task": ASK_THEN_GIVE, "nap": NAP}
    step = fork(branches, enough="any", others="continue", output=LEFT)
    with shared.client() as client:
        create(client, "leaves", [step], straight("fork"))
        run = start(client, "leaves")
        assert run["status"] == "completed"
        left = run["data"]["left"]
        assert list(left) == ["task", "nap"]
        assert status(client, run["runId"])["childRunIds"][1:] == list(left.values())
        for child in left.values():
            assert "parentRunId" in status(client, child)
        client.post(f"/api/workflow/resume/{left['task']}", json=ANSWER).raise_for_status()
        assert settled(client, left["task"], "completed")["result"] == {"v": "done"}
        assert status(client, left["nap"])["status"] == "running"
        assert client.delete(f"/api/workflow/runs/{run['runId']}").status_code == 409
        assert cancel(client, "leaves", left["nap"]) == 200
        settled(client, left["nap"], "cancelled")
        reported = client.get(f"/api/workflow/events/{left['nap']}").text
        assert reported.count("event: run.parent_went_on") == 1


def test_cancelling_a_run_also_cancels_its_independent_branches(shared: Server) -> None:
    step = fork({"first": gives("one"), "nap": NAP}, enough=1, others="continue", output=LEFT)
    look: Any = {"steps": [{"id": "look", "type": "set", "values": {"n": 1}}, *NAP["steps"], *gives("x")["steps"]],
                 "edges": [{"from": "look", "to": "nap", "condition": "data.item"}, {"from": "look", "to": "give"}]}  # fmt: skip
    items = {"id": "fork", "type": "call-workflow", "items": "{{ [false, true] }}", "enough": 1, **look,
             "others": "continue", "output": {"left": {"type": "array", "value": "{{ result.left }}"}}}  # fmt: skip
    with shared.client() as client:
        for name, first, how in (
            ("lone", step, "cancel"),
            ("ended", step, "terminate"),
            ("items", items, "cancel"),
        ):
            create(client, name, [first, ASK], straight("fork", "ask"))
            run_id = begin(client, name)
            run = settled(client, run_id, "paused")
            left = run["data"]["left"]
            child = left["nap"] if name != "items" else left[0]["runId"]
            assert name != "items" or left == [{"index": 1, "runId": child}]
            assert status(client, child)["status"] == "running"
            assert cancel(client, name, run_id, how) == 200
            stopped = "cancelled" if how == "cancel" else "terminated"
            settled(client, run_id, stopped)
            settled(client, child, stopped)
