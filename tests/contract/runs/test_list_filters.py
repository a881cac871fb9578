"""Filters of runs by step, error, starter and duration."""

from typing import Any

from tests.harness.processes import command, run
from tests.harness.server import Server, settled

STEPS: list[dict[str, Any]] = [
    {"id": "look", "type": "request-user-action", "message": "?", "output": {}},
    {"id": "slow", "type": "wait", "duration": "600ms"},
    {"id": "gone", "type": "end-flow", "status": "failed", "message": "no", "errorType": "OutOfStock"},
    {"id": "lost", "type": "end-flow", "status": "failed", "message": "no", "errorType": "NotPaid"},
    {"id": "nap", "type": "wait", "duration": "1h"},
    {"id": "hang", "type": "call-api", "url": "http://127.0.0.1:9/", "retry": {"maxAttempts": 3, "initialInterval": "1h"}},
    {"id": "end", "type": "end-flow"},
    {"id": "way", "type": "set", "values": {"x": 1}},
]  # fmt: skip
EDGES = [
    *({"from": "way", "to": name, "condition": f"data.way == '{name}'"} for name in ("look", "slow", "gone", "lost", "nap", "hang")),
    {"from": "way", "to": "end"}, {"from": "look", "to": "end"}, {"from": "slow", "to": "end"},
    {"from": "nap", "to": "end"}, {"from": "hang", "to": "end"},
]  # fmt: skip


def test_runs_are_found_by_their_outcome(shared: Server) -> None:
    with shared.client() as client, shared.client("operator") as other:
        document = {
            "id": "ways",
            "name": "Ways",
            "initialStep": "way",
            "steps": STEPS,
            "edges": EDGES,
        }
        client.post("/api/workflows", json=document).raise_for_status()
        runs = {}
        for name in ("nap", "hang", "look", "slow", "gone", "lost", "end"):
            who = other if name == "gone" else client
            start = "start-async" if name in ("nap", "hang") else "start"
            answer = who.post(f"/api/workflow/{start}/ways", json={"data": {"way": name}})
            runs[answer.json()["runId"]] = name

        def found(**query: Any) -> set[str]:
            answer = client.get("/api/workflow/runs", params={"workflowId": "ways", **query})
            assert answer.status_code == 200, answer.text
            return {runs[line["runId"]] for line in answer.json()["runs"]}

        assert found(stepId="look") == {"look"}
        assert found(stepId="gone") == {"gone"}, "where it failed"
        assert found(stepId="slow") == set()
        assert found(waitingFor="time") == {"nap"}
        assert found(waitingFor="retry") == {"hang"}
        assert (
            found(waitingFor="retry", status="failed")
            == found(waitingFor="time", text="x")
            == set()
        )
        assert client.get("/api/workflow/runs", params={"waitingFor": "x"}).status_code == 400
        assert found(errorType="NotPaid") == {"lost"}
        assert found(errorType="NotPaid", status="completed") == set()
        assert found(longerThan="500ms") == {"slow"}
        assert found(shorterThan="PT0.5S") == {"gone", "lost", "end"}
        ended = ["gone", "lost", "end", "slow"]
        pages = client.get(
            "/api/workflow/runs", params={"workflowId": "ways", "sort": "endTime", "limit": 3}
        ).json()
        rest = client.get(
            "/api/workflow/runs",
            params={"workflowId": "ways", "sort": "endTime", "cursor": pages["nextCursor"]},
        ).json()
        order = [runs[line["runId"]] for line in pages["runs"] + rest["runs"]]
        assert (sorted(order), order[1:]) == (sorted(ended), ["gone", "lost", "end"]), (
            "slow ended before they began"
        )
        longest = client.get(
            "/api/workflow/runs", params={"workflowId": "ways", "sort": "-duration"}
        ).json()["runs"]
        assert runs[longest[0]["runId"]] == "slow"
        mixed = client.get("/api/workflow/runs", params={"text": "ways", "sort": "duration"})
        assert (mixed.status_code, mixed.json()["details"][0]["path"]) == (400, "sort")
        (gone,) = (run for run, name in runs.items() if name == "gone")
        page = client.get(f"/api/workflow/runs/{gone}/explain", params={"path": "data.way"}).json()
        assert found(startedBy=page["chain"][0]["by"]) == {"gone"}
        wrong = client.get("/api/workflow/runs", params={"longerThan": "soon"})
        assert (wrong.status_code, wrong.json()["details"][0]["path"]) == (400, "longerThan")
        body = {"action": "rerun", "filter": {"errorType": "OutOfStock"}, "dryRun": True}
        assert client.post("/api/workflow/management/bulk", json=body).json()["matched"] == 1
        body = {"action": "giveUp", "filter": {"waitingFor": "retry"}, "dryRun": True}
        assert client.post("/api/workflow/management/bulk", json=body).json()["matched"] == 1
        place = ["--url", shared.address, "--key", shared.key(), "--tenant", "acme", "--json"]
        listed = command(
            "runs", "list", "--workflow", "ways", "--sort=-duration", "--limit", "1", *place
        )["runs"]
        assert [runs[line["runId"]] for line in listed] == ["slow"]
        listed = command("runs", "list", "--error", "NotPaid", "--step", "lost", *place)["runs"]
        assert [runs[line["runId"]] for line in listed] == ["lost"]
        listed = command("runs", "list", "--waiting-for", "retry", *place)["runs"]
        assert [runs[line["runId"]] for line in listed] == ["hang"]


def test_the_list_says_why_runs_failed_and_why_they_wait(shared: Server) -> None:
    tenant = "why"
    with shared.client(tenant=tenant) as client:
        document = {"id": "ways", "name": "Ways", "initialStep": "way", "steps": STEPS, "edges": EDGES}  # fmt: skip
        client.post("/api/workflows", json=document).raise_for_status()
        runs = {}
        for way in ("gone", "look", "hang", "end"):
            start = f"/api/workflow/start{'-async' if way == 'hang' else ''}/ways"
            runs[client.post(start, json={"data": {"way": way}}).json()["runId"]] = way

        def lines() -> dict[str, Any]:
            found = client.get("/api/workflow/runs").json()["runs"]
            return {runs[line["runId"]]: line for line in found}

        while "retryAt" not in (listed := lines())["hang"]:
            pass  # its first attempt is under way
        assert listed["gone"]["error"] == {"stepId": "gone", "type": "OutOfStock", "message": "no"}
        assert (listed["hang"]["currentStepId"], listed["hang"]["status"]) == ("hang", "running")
        assert listed["hang"]["error"]["type"] == "ConnectionFailed"
        assert listed["hang"]["error"]["message"].endswith("Connection refused")
        assert listed["hang"]["retryAt"] > listed["hang"]["updatedAt"]
        assert (listed["look"]["error"], listed["end"]["error"]) == (None, None)
        assert {way for way, line in listed.items() if "retryAt" in line} == {"hang"}

        clean = {"from": "nap", "to": "gone", "on": "cancel"}
        cancelled = {**document, "id": "clean", "edges": [*EDGES, clean]}
        client.post("/api/workflows", json=cancelled).raise_for_status()
        run_id = client.post(
            "/api/workflow/start-async/clean", json={"data": {"way": "nap"}}
        ).json()["runId"]
        while client.get(f"/api/workflow/status/{run_id}").json()["currentStepId"] != "nap":
            pass
        client.post("/api/workflow/management/cancel", json={"runId": run_id}).raise_for_status()
        shown = settled(client, run_id)
        assert (shown["status"], shown["error"]["type"]) == ("cancelled", "OutOfStock")
        (line,) = client.get("/api/workflow/runs?workflowId=clean").json()["runs"]
        assert line["error"] == listed["gone"]["error"]
    place = ["--url", shared.address, "--key", shared.key(tenant=tenant), "--tenant", tenant]
    told = run("runs", "list", "--error", "OutOfStock", *place).stdout
    assert "error=gone: no (OutOfStock)" in told
    assert "labels" not in told, "it has none"
