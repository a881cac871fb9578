"""Triggers on the end of a run: each end starts one run, and cycles stop."""

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from tests.conftest import PLUGIN
from tests.harness.server import Server, settled
from tests.triggers.conftest import nothing_to_do, until


def fails(name: str) -> dict[str, Any]:
    end = {"id": "end", "type": "end-flow", "status": "failed", "message": "it was {{ data.why }}"}
    return {**nothing_to_do(name), "steps": [end]}


@pytest.fixture(scope="module")
def owner(shared: Server) -> Iterator[httpx.Client]:
    with shared.client() as client:
        for made in (fails("breaks"), fails("breaks-too"), nothing_to_do("works"),
                     nothing_to_do("told"), nothing_to_do("after")):  # fmt: skip
            client.post("/api/workflows", json=made).raise_for_status()
        yield client


def start(client: httpx.Client, workflow: str, **data: Any) -> str:
    answer = client.post(
        f"/api/workflow/start-async/{workflow}", json={"data": {"why": "x", **data}}
    )
    return str(answer.json()["runId"])


def put(client: httpx.Client, name: str, **body: Any) -> None:
    answer = client.put(f"/api/triggers/{name}", json={"workflowId": "told", **body})
    assert answer.status_code in (200, 201), answer.text


def firings(client: httpx.Client, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/api/triggers/{name}/firings").json()["firings"]
    return found


def test_the_end_of_a_run_starts_another_with_its_data(owner: httpx.Client) -> None:
    settled(owner, start(owner, "breaks"))
    put(owner, "told", on="run.failed", workflows=["breaks", "works"], when="data.why != 'quiet'",
        errorTypes=["EndedAsFailed"],
        data={"of": "{{ run.id }}", "why": "{{ error.message }}", "had": "{{ data.n }}"})  # fmt: skip
    start(owner, "breaks", why="quiet", n=1)
    start(owner, "works", n=1)
    start(owner, "breaks-too", n=1)
    run = start(owner, "breaks", why="late", n=5)
    (fired,) = until(lambda: firings(owner, "told"), bool)
    assert (fired["key"], fired["outcome"]) == (run, "started")
    began = settled(owner, fired["runId"])
    assert began["data"] == {"of": run, "why": "it was late", "had": 5}
    wrong = start(owner, "breaks")
    found = until(lambda: firings(owner, "told"), lambda found: len(found) == 2)
    assert (found[0]["key"], found[0]["outcome"]) == (wrong, "failed")
    assert "data.n" in found[0]["message"]
    owner.post("/api/triggers/told/pause").raise_for_status()
    settled(owner, start(owner, "breaks", n=6))
    owner.post("/api/triggers/told/resume").raise_for_status()
    last = start(owner, "breaks", n=7)
    found = until(lambda: firings(owner, "told"), lambda found: len(found) == 3)
    assert found[0]["key"] == last
    owner.delete("/api/triggers/told").raise_for_status()


def test_ends_with_one_key_are_collected_by_the_run_that_the_first_starts(
    owner: httpx.Client,
) -> None:
    until_both = "signals | map(attribute='data.of') | unique | list | length == 2"
    gather = {"id": "gather", "type": "wait-for-signal", "signal": "part", "key": "{{ data.day }}", "until": until_both,
              "output": {"parts": {"type": "array", "value": "{{ signals | map(attribute='data.n') | list }}"}}}  # fmt: skip
    both = nothing_to_do("both")
    both |= {"steps": [gather, *both["steps"]], "initialStep": "gather",
             "edges": [{"from": "gather", "to": both["steps"][0]["id"]}]}  # fmt: skip
    owner.post("/api/workflows", json=both).raise_for_status()
    put(owner, "both", workflowId="both", on="run.completed", workflows=["works", "after"],
        signal={"name": "part", "key": "{{ data.day }}"},
        data={"day": "{{ data.day }}", "n": "{{ data.n }}", "of": "{{ run.workflowId }}"})  # fmt: skip
    assert owner.get("/api/triggers/both").json()["signal"]["keepFor"] == "1h"
    first = start(owner, "works", day="mon", n=1)
    (fired,) = until(lambda: firings(owner, "both"), bool)
    assert (fired["key"], fired["outcome"]) == (first, "started")
    settled(owner, fired["runId"], "paused")
    for name, day, n in (("works", "mon", 2), ("works", "tue", 3), ("after", "mon", 4)):
        settled(owner, start(owner, name, day=day, n=n))
    gathered = settled(owner, fired["runId"], "completed")
    assert gathered["data"]["parts"] == [1, 2, 4]
    found = until(lambda: firings(owner, "both"), lambda found: len(found) == 4)
    assert [one["outcome"] for one in reversed(found)] == ["started", "sent", "started", "sent"]
    put(owner, "both", workflowId="both", on="run.completed", workflows=["works"],
        signal={"name": "part", "key": "{{ data.day }}\u0007"})  # fmt: skip
    settled(owner, start(owner, "works", day="wed"))
    found = until(lambda: firings(owner, "both"), lambda found: len(found) == 5)
    assert (found[0]["outcome"], "signal.key" in found[0]["message"]) == ("failed", True)
    owner.delete("/api/triggers/both").raise_for_status()


def test_a_branch_left_running_fires_when_it_fails(owner: httpx.Client) -> None:
    boom = fails("x")["steps"][0]
    branches = {"first": {"steps": [{"id": "set", "type": "set", "values": {"n": 1}}]},
                "left": {"steps": [{"id": "nap", "type": "wait", "duration": "300ms"}, boom],
                         "edges": [{"from": "nap", "to": "end"}]}}  # fmt: skip
    fork = {
        "id": "fork",
        "type": "parallel",
        "branches": branches,
        "enough": 1,
        "others": "continue",
    }
    made = {**nothing_to_do("leaves"), "initialStep": "fork"}
    made |= {
        "steps": [fork, *made["steps"]],
        "edges": [{"from": "fork", "to": made["steps"][0]["id"]}],
    }
    owner.post("/api/workflows", json=made).raise_for_status()
    put(
        owner,
        "left",
        on=["run.failed", "run.completed"],
        workflows=["leaves"],
        data={"of": "{{ run.id }}"},
    )
    run_id = start(owner, "leaves")
    found = until(lambda: firings(owner, "left"), lambda found: len(found) == 2)
    children = owner.get(f"/api/workflow/status/{run_id}").json()["childRunIds"]
    assert [one["key"] for one in reversed(found)] == [run_id, children[1]]
    owner.delete("/api/triggers/left").raise_for_status()


def test_cycles_of_triggers_stop(owner: httpx.Client) -> None:
    ring = ["ring-0", "ring-1", "ring-2"]
    for number, name in enumerate(ring):
        before = ring[number - 1]
        for one in {name, before}:
            owner.post("/api/workflows", json=nothing_to_do(one))
        put(owner, name, workflowId=name, on=["run.completed"], workflows=[before])
    put(owner, "every", on=["run.completed", "run.failed"])
    first = start(owner, "ring-0")
    stopped = until(lambda: firings(owner, "ring-0"), bool)
    assert (stopped[0]["outcome"], "ring-0, ring-1, ring-2" in stopped[0]["message"]) == (
        "skipped",
        True,
    )
    until(lambda: [item["outcome"] for item in firings(owner, "every")],
          lambda found: found == ["started"] * 3)  # fmt: skip
    time.sleep(0.3)
    assert len(firings(owner, "every")) == 3  # its own ends do not fire it
    assert first in {item["key"] for item in firings(owner, "ring-1")}
    for body, path in (({"workflows": ["told"]}, "workflows"), ({"on": "run.paused"}, "on[0]"),
                       ({"on": ["run.completed"], "errorTypes": ["A"]}, "errorTypes"),
                       ({"data": {"x": "{{ request.body }}"}}, "data")):  # fmt: skip
        answer = owner.put(
            "/api/triggers/x", json={"workflowId": "told", "on": "run.failed", **body}
        )
        assert (answer.status_code, answer.json()["details"][0]["path"]) == (400, path), answer.text
    for name in (*ring, "every"):
        owner.delete(f"/api/triggers/{name}").raise_for_status()


def test_a_cycle_through_a_detached_child_run_stops(owner: httpx.Client) -> None:
    calls = {"id": "call", "type": "call-workflow", "workflowId": "again", "wait": False,
             "data": {"why": "x"}}  # fmt: skip
    owner.post("/api/workflows", json=fails("again")).raise_for_status()
    starts = {
        **nothing_to_do("starts"),
        "initialStep": "call",
        "edges": [{"from": "call", "to": "end"}],
    }
    starts["steps"] = [calls, *starts["steps"]]
    owner.post("/api/workflows", json=starts).raise_for_status()
    put(owner, "circle", workflowId="starts", on="run.failed", workflows=["again"])
    start(owner, "again")
    found = until(
        lambda: firings(owner, "circle"), lambda found: found and found[0]["outcome"] == "skipped"
    )
    assert [item["outcome"] for item in found] == ["skipped"] + ["started"] * 9
    owner.delete("/api/triggers/circle").raise_for_status()


def test_a_caller_cannot_forge_the_chain_of_triggers(owner: httpx.Client, shared: Server) -> None:
    put(owner, "chained", on="run.completed", workflows=["works"])
    made = owner.post("/api/jwt-secrets", json={"role": "operator"}).json()
    forged = {"startedBy": {"chain": ["told"]}}
    claims = {"sub": "eve", "exp": int(time.time()) + 60, "context": forged}
    token = jwt.encode(claims, made["secret"], "HS256", {"kid": made["kid"]})
    with httpx.Client(headers={"authorization": f"Bearer {token}"}) as eve:
        sent = eve.post(f"{shared.address}/api/workflow/start-async/works", json={"data": {}})
    (fired,) = until(lambda: firings(owner, "chained"), bool)
    assert (fired["key"], fired["outcome"]) == (sent.json()["runId"], "started")
    owner.delete("/api/triggers/chained").raise_for_status()


def test_kills_neither_repeat_nor_lose_a_firing(tmp_path: Path) -> None:
    dice = random.Random(5)
    with Server(tmp_path / "data", PLUGIN) as server:
        with server.client() as client:
            client.post("/api/workflows", json=nothing_to_do("works"))
            client.post("/api/workflows", json=nothing_to_do("after"))
            put(client, "after", workflowId="after", on="run.completed", workflows=["works"],
                data={"of": "{{ run.id }}"})  # fmt: skip
        ended = []
        for _ in range(4):
            with server.client() as client:
                ended += [start(client, "works") for _ in range(5)]
            time.sleep(dice.random() * 0.12)
            server.kill()
            server.start()
        with server.client() as client:
            until(lambda: len(firings(client, "after")), lambda count: count == len(ended))
            runs = client.get("/api/workflow/runs?workflowId=after&limit=100").json()["runs"]
            assert sorted(item["key"] for item in firings(client, "after")) == sorted(ended)
            assert len(runs) == len(ended)
