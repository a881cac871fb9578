"""The overview for operators, over HTTP, from real runs in each state."""

from collections import Counter

from tests.harness.server import Server, settled

FAILS = {
    "id": "fails", "name": "Fails", "initialStep": "call",
    "payload": {"again": {"type": "boolean"}},
    "steps": [
        {"id": "call", "type": "call-api", "method": "GET", "url": "http://127.0.0.1:9/",
         "retry": {"maxAttempts": 2, "initialInterval": "1h"}},
        {"id": "give-up", "type": "end-flow", "status": "failed", "errorType": "GaveUp"},
        {"id": "sort", "type": "set", "values": {"x": 1}},
    ],
    "edges": [{"from": "sort", "to": "call", "condition": "data.again"}, {"from": "call", "to": "give-up"},
              {"from": "sort", "to": "give-up"}],
}  # fmt: skip
ASKS = {
    "id": "asks", "name": "Asks", "initialStep": "ask",
    "steps": [{"id": "ask", "type": "request-user-action", "message": "?",
               "actions": [{"value": "y", "label": "Y"}]}, {"id": "end", "type": "end-flow"}],
    "edges": [{"from": "ask", "to": "end"}],
}  # fmt: skip


def test_a_process_with_a_folder_shares_it_with_no_other(shared: Server) -> None:
    with shared.client("viewer", "alone") as client:
        found = client.get("/api/processes").json()
    has_folder = "STEPWELL_DATABASE" not in shared.environment
    assert found["shared"] is not has_folder
    assert len(found["processes"]) == (0 if has_folder else 1)
    assert (found["shardsWithoutProcess"], found["cutOff"]) == (0, [])


def test_the_overview_lists_failed_and_waiting_runs(shared: Server) -> None:
    with shared.client("owner", "overview") as client:
        for document in ({**FAILS, "initialStep": "sort"}, ASKS):
            assert client.post("/api/workflows", json=document).status_code == 201
        ids = []
        for workflow, data in (
            ("fails", {"again": False}), ("fails", {"again": False}), ("fails", {"again": True}),
            ("asks", {}), ("asks", {}),
        ):  # fmt: skip
            began = client.post(f"/api/workflow/start-async/{workflow}", json={"data": data})
            ids.append(began.json()["runId"])
        for run_id in (*ids[:2], *ids[3:]):
            settled(client, run_id)
        while not (shown := client.get("/api/workflow/overview").json())["retries"]:
            pass
        assert {name: count for name, count in shown["runs"].items() if count} == {
            "running": 1, "paused": 2, "failed": 2,
        }  # fmt: skip
        spans = shown["spans"]
        assert [span["since"] for span in spans[1:]] == [span["until"] for span in spans[:-1]]
        assert spans[0]["since"] == shown["since"]
        assert len(spans) == 25
        by_span = Counter[str]()
        for span in spans:
            by_span.update(span["runs"])
        assert by_span == {"running": 1, "paused": 2, "failed": 2}
        found = {"since": spans[-2]["since"], "until": spans[-1]["until"], "status": "failed"}
        listed = client.get("/api/workflow/runs", params=found).json()["runs"]
        assert {run["runId"] for run in listed} == set(ids[:2])
        (group,) = shown["failures"]
        assert (group["workflowId"], group["stepId"], group["errorType"], group["runs"]) == (
            "fails", "give-up", "GaveUp", 2,
        )  # fmt: skip
        assert group["newestRunId"] == ids[1]
        assert shown["oldestPause"]["runId"] == ids[3]
        assert shown["oldestPause"]["title"] is None
        (retry,) = shown["retries"]
        assert (retry["runId"], retry["stepId"], retry["attempt"]) == (ids[2], "call", 1)
        wrong = client.get("/api/workflow/overview", params={"period": "1y"})
        assert wrong.status_code == 400
    with shared.client("viewer", "elsewhere") as client:
        shown = client.get("/api/workflow/overview").json()
        assert (sum(shown["runs"].values()), shown["failures"], shown["retries"]) == (0, [], [])
        assert shown["oldestPause"] is None


def test_a_list_shows_until_when_runs_sleep(shared: Server) -> None:
    document = {
        "id": "sleeps", "name": "Sleeps", "initialStep": "wait",
        "steps": [{"id": "wait", "type": "wait", "duration": "1h"}, {"id": "end", "type": "end-flow"}],
        "edges": [{"from": "wait", "to": "end"}],
    }  # fmt: skip
    with shared.client("owner", "sleepers") as client:
        assert client.post("/api/workflows", json=document).status_code == 201
        began = client.post("/api/workflow/start-async/sleeps", json={"data": {}}).json()["runId"]
        until = None
        while until is None:
            until = client.get(f"/api/workflow/status/{began}").json()["waitingUntil"]
        (line,) = client.get("/api/workflow/runs").json()["runs"]
        assert (line["status"], line["waitingUntil"]) == ("running", until)
