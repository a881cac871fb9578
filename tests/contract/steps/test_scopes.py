"""`timeout`, `onError`, `finally` and `error`, of a run and of a group, over HTTP."""

import time
from pathlib import Path
from typing import Any

from tests.conftest import PLUGIN
from tests.harness.echo import Echo
from tests.harness.server import Server, settled
from tests.harness.workflows import create, start, status

BOOM = {"id": "boom", "type": "call-tool", "toolId": "explode"}
SLOW = {"id": "slow", "type": "wait", "duration": "1h"}
CAUGHT = {"id": "caught", "type": "end-flow", "result": {"why": "{{ error.type }}"}}


def to(*pairs: str) -> list[Any]:
    """Return edges, each written as `from to` or `from to on`."""
    parts = [pair.split() for pair in pairs]
    return [{"from": a, "to": b, **({"on": on[0]} if on else {})} for a, b, *on in parts]


def notes(file: Path, word: str, step_id: str = "tidy") -> dict[str, Any]:
    """Return a step that writes a word to a file."""
    inputs = {"file": str(file), "word": word}
    return {"id": step_id, "type": "call-tool", "toolId": "note", "inputs": inputs}


def noted(file: Path) -> list[str]:
    return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []


def ask(client: Any, command: str, workflow_id: str, run_id: str) -> int:
    body = {"workflowId": workflow_id, "runId": run_id, "reason": "no need"}
    return int(client.post(f"/api/workflow/management/{command}", json=body).status_code)


def visits(document: Any) -> list[tuple[str, str]]:
    return [(visit["stepId"], visit["status"]) for visit in document["stepExecutionHistory"]]


def test_a_failure_without_a_nearer_handler_enters_on_error_once(shared: Server) -> None:
    with shared.client() as client:
        nearer = {"id": "nearer", "type": "end-flow", "result": {"why": "nearer"}}
        create(client, "caught", [BOOM, CAUGHT], to("boom end"), onError="caught")
        create(
            client,
            "nearer",
            [BOOM, CAUGHT, nearer],
            to("boom end", "boom nearer error"),
            onError="caught",
        )
        assert start(client, "caught")["result"] == {"why": "ToolFailed"}
        assert start(client, "nearer")["result"] == {"why": "nearer"}
        sold_out = {"id": "sold", "type": "end-flow", "status": "failed",
                    "errorType": "OutOfStock", "message": "no {{ data.sku }} left"}  # fmt: skip
        again = {**sold_out, "id": "again", "message": "{{ error.type }} at {{ error.stepName }}"}
        document = {"id": "thrown", "name": "thrown", "initialStep": "sold",
                    "steps": [{**sold_out, "name": "Sold out"}, again], "onError": "again"}  # fmt: skip
        assert client.post("/api/workflows", json=document).status_code == 201
        error = start(client, "thrown", sku="x1")["error"]
        assert (error["type"], error["message"]) == ("OutOfStock", "OutOfStock at Sold out")


def test_finally_runs_once_however_a_run_ends(shared: Server, tmp_path: Path) -> None:
    file = tmp_path / "notes"
    tidy = notes(file, "{{ outcome.status }}:{{ (outcome.error or {}).type | default('none') }}")
    with shared.client() as client:

        def ends(name: str, step: dict[str, Any], **more: Any) -> str:
            create(
                client, name, [step, tidy], to(f"{step['id']} end"), **{"finally": "tidy"}, **more
            )
            return str(client.post(f"/api/workflow/start-async/{name}", json={}).json()["runId"])

        completed = settled(client, ends("f-completes", {**SLOW, "duration": "1ms"}))
        assert completed["status"] == "completed"
        assert completed["result"] == {"data": {}}
        failed = settled(client, ends("f-fails", BOOM))
        assert (failed["status"], failed["error"]["type"]) == ("failed", "ToolFailed")
        late = settled(client, ends("f-late", SLOW, timeout="50ms"))
        assert (late["status"], late["error"]["type"]) == ("failed", "Timeout")
        assert late["error"]["message"] == "the run took longer than its timeout of 0.05 s"
        busy = {"id": "busy", "type": "call-tool", "toolId": "stubborn", "inputs": {"seconds": 0.1}}
        late = settled(client, ends("f-busy", busy, timeout="100ms"))
        assert (late["error"]["type"], visits(late)) == (
            "Timeout", [("busy", "cancelled"), ("tidy", "completed")],
        )  # fmt: skip
        run_id = ends("f-cancelled", SLOW)
        assert ask(client, "cancel", "f-cancelled", run_id) == 200
        assert settled(client, run_id)["status"] == "cancelled"
        run_id = ends("f-terminated", SLOW)
        ask(client, "terminate", "f-terminated", run_id)
        assert settled(client, run_id)["status"] == "terminated"
        assert noted(file) == [
            "completed:none", "failed:ToolFailed", "failed:Timeout", "failed:Timeout", "cancelled:none",
        ]  # fmt: skip


def test_a_failing_finally_fails_a_run_that_would_have_completed(shared: Server) -> None:
    step = {**SLOW, "duration": "1ms"}
    with shared.client() as client:
        create(client, "f-broken", [step, BOOM], to("slow end"), **{"finally": "boom"})
        error = start(client, "f-broken")["error"]
        assert (error["stepId"], error["type"]) == ("boom", "ToolFailed")
        create(
            client, "f-waits", [step, {**SLOW, "id": "tidy"}], to("slow end"), **{"finally": "tidy"}
        )
        run_id = client.post("/api/workflow/start-async/f-waits", json={}).json()["runId"]
        while status(client, run_id)["currentStepId"] != "tidy":
            time.sleep(0.01)
        assert ask(client, "cancel", "f-waits", run_id) == 409
        assert (status(client, run_id)["handler"], status(client, run_id)["status"]) == (
            "finally",
            "running",
        )
        assert ask(client, "terminate", "f-waits", run_id) == 200


def test_a_group_catches_and_cleans_up_from_the_inside_out(shared: Server, tmp_path: Path) -> None:
    file = tmp_path / "notes"
    inner = {
        "id": "inner",
        "type": "group",
        "steps": [BOOM, notes(file, "inner")],
        "finally": "tidy",
    }
    outer = {
        "id": "outer", "type": "group", "steps": [inner, CAUGHT, notes(file, "outer")],
        "onError": "caught", "finally": "tidy",
        "output": {"why": {"type": "string", "value": "{{ result.why }}"}},
    }  # fmt: skip
    with shared.client() as client:
        create(
            client, "nested", [outer, notes(file, "whole")], to("outer end"), **{"finally": "tidy"}
        )
        assert start(client, "nested")["data"] == {"why": "ToolFailed"}
        assert noted(file) == ["inner", "outer", "whole"]
        hour = {"id": "hour", "type": "group", "steps": [SLOW, notes(file, "late")],
                "timeout": "50ms", "finally": "tidy"}  # fmt: skip
        reported = {"id": "told", "type": "end-flow",
                "result": {"type": "{{ error.type }}", "child": "{{ error.childStepId }}"}}  # fmt: skip
        create(client, "hourly", [hour, reported], to("hour end", "hour told error"))
        assert start(client, "hourly")["result"] == {"type": "Timeout", "child": "slow"}
        run_id = start_async(client, "cancelled", [{**hour, "timeout": "1h"}, notes(file, "edge", "edge")],
                             to("hour end", "hour edge cancel"))  # fmt: skip
        assert ask(client, "cancel", "cancelled", run_id) == 200
        assert settled(client, run_id, "cancelled")
        assert noted(file) == ["inner", "outer", "whole", "late", "late", "edge"]


def start_async(client: Any, name: str, steps: list[Any], edges: list[Any]) -> str:
    """Start a run of a new workflow, and wait until it has a child run that waits."""
    leads = [*edges, *to("edge end")]
    create(client, name, steps, leads)
    run_id = str(client.post(f"/api/workflow/start-async/{name}", json={}).json()["runId"])
    while not (children := status(client, run_id)["childRunIds"]):
        time.sleep(0.01)
    while status(client, children[0])["currentStepId"] != "slow":
        time.sleep(0.01)
    return run_id


def test_an_error_contains_the_http_answer_also_outside_its_group(shared: Server) -> None:
    with Echo() as echo, shared.client() as client:
        asks = {"id": "ask", "type": "call-api", "method": "POST", "url": f"{echo.address}/409",
               "body": {"n": 1}, "retry": {"maxAttempts": 2, "initialInterval": "1ms", "on": ["HttpStatus:4xx"]}}  # fmt: skip
        group = {"id": "group", "type": "group", "steps": [asks]}
        reported = {"id": "told", "type": "end-flow", "result": {"error": "{{ error }}"}}
        create(client, "answered", [group, reported], to("group end", "group told error"))
        error = start(client, "answered")["result"]["error"]
        assert (error["status"], error["body"]["path"], error["stepId"]) == (409, "/409", "group")
        assert (error["childStepId"], error["childType"]) == ("ask", "HttpStatus")
        assert len(echo.seen) == 2, "a conflict is tried again, since `on` says so"
        never = {
            **asks,
            "retry": {"maxAttempts": 3, "initialInterval": "1ms", "on": ["429", "Timeout"]},
        }
        create(client, "never", [never], to("ask end"))
        error = start(client, "never")["error"]
        assert (error["type"], error["status"], len(echo.seen)) == ("HttpStatus", 409, 3)


def test_each_of_several_retry_policies_counts_its_own_attempts(shared: Server) -> None:
    with Echo() as echo, shared.client() as client:
        soon = {"initialInterval": "1ms"}
        asks = {"id": "ask", "type": "call-api", "method": "POST", "url": f"{echo.address}/{{{{ data.path }}}}", "retry": [
            {"on": ["404"], "maxAttempts": 1}, {"on": ["503"], "maxAttempts": 3, **soon}, {"maxAttempts": 2, **soon}]}  # fmt: skip
        create(client, "several", [asks], to("ask end"))
        seen = []
        for path in ("404", "503", "500"):
            before = len(echo.seen)
            error = start(client, "several", path=path)["error"]
            seen.append((error["status"], error["attempts"], len(echo.seen) - before))
        assert seen == [(404, 1, 1), (503, 3, 3), (500, 2, 2)]


def test_the_next_step_waits_for_the_cleanup_of_child_runs(tmp_path: Path) -> None:
    nap = {"id": "nap", "type": "wait", "duration": "1h"}
    tidy = {"id": "tidy", "type": "wait", "duration": "1500ms"}
    tidies: dict[str, Any] = {"steps": [nap, tidy], "finally": "tidy"}
    boom = {"id": "boom", "type": "end-flow", "status": "failed", "message": "no"}
    after = {"id": "after", "type": "set", "values": {"after": True}}
    edges = [
        {"from": "fork", "to": "after", "on": "error"},
        {"from": "fork", "to": "end"},
        {"from": "after", "to": "end"},
    ]
    with (
        Server(tmp_path / "data", PLUGIN, STEPWELL_CANCEL_GRACE="0.2") as server,
        server.client() as client,
    ):
        ended = {}
        for name, body in (("all", tidies), ("bounded", {**tidies, "timeout": "400ms"})):
            branches = {"fails": {"steps": [boom]}, "tidies": body}
            fork = {"id": "fork", "type": "parallel", "branches": branches}
            create(client, name, [fork, after], edges)
            run_id = client.post(f"/api/workflow/start/{name}", json={}).json()["runId"]
            ended[name] = settled(client, run_id, "completed")
        for name, run in ended.items():
            followed = run["stepExecutionHistory"][1]["startTime"]
            child = status(client, run["childRunIds"][1])
            if name == "all":
                assert child["endTime"] <= followed
            else:
                assert child["endTime"] is None or child["endTime"] > followed
