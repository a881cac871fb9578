"""Reruns with another version, and bulk reruns, holds and releases."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.harness.echo import Echo
from tests.harness.processes import command
from tests.harness.server import Server, settled

BULK = "/api/workflow/management/bulk"


def document(path: str, **more: Any) -> dict[str, Any]:
    call = {"id": "call", "type": "call-api", "method": "POST", "url": "{{ data.url }}" + path}
    steps = [{"id": "first", "type": "set", "values": {"seen": "{{ data.n }}"}}, call]
    end = {"id": "end", "type": "end-flow", "result": {"seen": "{{ data.seen }}"}}
    ids = ["first", "call", "end"]
    edges = [{"from": a, "to": b} for a, b in pairwise(ids)]
    fields = {"url": {"type": "string"}, "n": {"type": "number"}}
    return {"name": "Calling", "initialStep": "first", "payload": fields, "steps": [*steps, end],
            "edges": edges, **more}  # fmt: skip


@pytest.fixture(scope="module")
def client(shared: Server) -> Iterator[httpx.Client]:
    with shared.client() as client:
        yield client


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    with Echo() as echo:
        yield echo


def failed(client: httpx.Client, name: str, echo: Echo, count: int) -> list[str]:
    client.post("/api/workflows", json=document("/400", id=name)).raise_for_status()
    client.post(f"/api/workflows/{name}/publish", json={}).raise_for_status()
    runs = []
    for n in range(count):
        data = {"url": echo.address, "n": n}
        answer = client.post(f"/api/workflow/start/{name}", json={"data": data}).json()
        assert answer["status"] == "failed", answer
        runs.append(str(answer["runId"]))
    return runs


def test_a_run_continues_in_another_version(client: httpx.Client, echo: Echo) -> None:
    (run,) = failed(client, "mended", echo, 1)
    steps = document("/200")["steps"]
    changed = {"steps": [*steps[:2], {"id": "more", "type": "set", "values": {"m": 1}}, steps[2]],
               "edges": [{"from": "first", "to": "call"}, {"from": "call", "to": "more"}, {"from": "more", "to": "end"}],
               "constants": {"a": 1}}  # fmt: skip
    client.put("/api/workflows/mended", json=changed).raise_for_status()
    address = f"/api/workflow/rerun/{run}"
    before = client.get("/api/workflow/runs?workflowId=mended").json()
    reported = client.post(
        address, json={"from": "failure", "version": "latest", "dryRun": True}
    ).json()
    assert client.get("/api/workflow/runs?workflowId=mended").json() == before
    assert (reported["version"], reported["stepId"], reported["changedBesides"]) == (
        "1.0.1",
        "call",
        ["constants"],
    )
    assert reported["changedSteps"] == [
        {"stepId": "call", "change": "changed", "done": False},
        {"stepId": "more", "change": "added", "done": False},
    ]
    body = {"from": "failure", "version": "1.0.1", "reason": "the address was wrong"}
    answer = client.post(address, json=body).json()
    again = settled(client, answer["runId"])
    assert (again["status"], again["version"], again["result"]) == (
        "completed",
        "1.0.1",
        {"seen": 0},
    )
    assert again["origin"] | {"seq": 0} == {
        "runId": run,
        "stepId": "call",
        "seq": 0,
        "version": "1.0.0",
        "reason": "the address was wrong",
    }
    assert again["stepExecutionHistory"][0]["carriedFrom"] == run
    client.put("/api/workflows/mended", json={"steps": [{**steps[1], "id": "ring"}, steps[2]], "initialStep": "ring",
               "edges": [{"from": "ring", "to": "end"}]}).raise_for_status()  # fmt: skip
    gone = client.post(address, json={"from": "failure", "version": "1.0.2"})
    assert (gone.status_code, "has no step call" in gone.json()["message"]) == (400, True)
    assert client.post(address, json={"stepId": "call", "version": "9.9.9"}).status_code == 404
    from_start = client.post(address, json={"from": "start"}).json()["runId"]
    assert settled(client, from_start)["origin"]["stepId"] == "first"


def test_another_version_gets_the_inputs_that_it_declares(client: httpx.Client, echo: Echo) -> None:
    (run,) = failed(client, "wants-more", echo, 1)
    fields = {
        **document("")["payload"],
        "by": {"type": "string"},
        "times": {"type": "integer", "default": 3},
    }
    more = {"payload": fields, "steps": document("/200")["steps"]}
    client.put("/api/workflows/wants-more", json=more).raise_for_status()
    body, address = {"from": "failure", "version": "latest"}, f"/api/workflow/rerun/{run}"
    assert client.post(address, json={**body, "dryRun": True}).status_code == 200
    refused = client.post(address, json=body)
    assert (refused.status_code, refused.json()["details"][0]["path"]) == (400, "data.by")
    again = client.post(address, json={**body, "data": {"by": "hand"}}).json()["runId"]
    data = settled(client, again, "completed")["data"]
    assert (data["by"], data["times"]) == ("hand", 3)


def test_a_bulk_rerun_reruns_each_run_once(
    shared: Server, client: httpx.Client, echo: Echo
) -> None:
    runs = failed(client, "many", echo, 5)
    client.put("/api/workflows/many", json={"steps": document("/200")["steps"]}).raise_for_status()
    wanted = {"status": "failed", "workflowId": "many"}
    counted = client.post(BULK, json={"action": "rerun", "filter": wanted, "dryRun": True}).json()
    assert counted["matched"] == 5
    unnamed = client.post(BULK, json={"action": "rerun", "filter": wanted})
    assert (unnamed.status_code, "operation" in unnamed.json()["message"]) == (400, True)
    how = {"operation": str(uuid4()), "version": "1.0.1"}
    body = {
        "action": "rerun",
        "filter": wanted,
        "rerun": how,
        "reason": "mended",
        "cursor": counted["cursor"],
    }
    changed = 0
    for _ in range(2):
        cursor = counted["cursor"]
        while cursor:
            part = client.post(BULK, json={**body, "cursor": cursor, "limit": 2}).json()
            changed, cursor = changed + part["changed"], part["nextCursor"]
    assert changed == 10, "asked twice, and told both times that it is done"
    listed = client.get("/api/workflow/runs?workflowId=many&limit=50").json()["runs"]
    new = [line["runId"] for line in listed if line["runId"] not in runs]
    assert len(new) == 5, "each was run again once"
    assert {settled(client, one)["version"] for one in new} == {"1.0.1"}
    assert {settled(client, one)["origin"]["runId"] for one in new} == set(runs)
    place = ["--url", shared.address, "--key", shared.key(), "--tenant", "acme", "--json"]
    done = command("runs", "rerun", *new[:2], *runs[:1], "--version", "1.0.1", *place)
    assert (done["changed"], done["skipped"], done["failed"]) == (1, 2, 0), "two had completed"


def test_many_runs_are_held_and_released(client: httpx.Client) -> None:
    steps = [{"id": "wait", "type": "wait", "duration": "1h"}, {"id": "end", "type": "end-flow"}]
    client.post("/api/workflows", json={"id": "sleeps", "name": "S", "initialStep": "wait", "steps": steps,
                "edges": [{"from": "wait", "to": "end"}]}).raise_for_status()  # fmt: skip
    runs = [
        client.post("/api/workflow/start-async/sleeps", json={}).json()["runId"] for _ in range(3)
    ]
    wanted = {"workflowId": "sleeps"}
    for action, changed, skipped in (
        ("hold", 3, 0),
        ("hold", 0, 3),
        ("tryNow", 0, 3),
        ("release", 3, 0),
        ("tryNow", 3, 0),
    ):
        answer = client.post(BULK, json={"action": action, "filter": wanted}).json()
        assert (answer["changed"], answer["skipped"]) == (changed, skipped), (action, answer)
    assert {settled(client, run)["status"] for run in runs} == {"completed"}
