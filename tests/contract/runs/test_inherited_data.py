"""Bodies read the data of the run that contains them, and the journal stores it once."""

import itertools
import json
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.harness.journals import events_one_by_one
from tests.harness.processes import command
from tests.harness.server import Server, settled
from tests.harness.workflows import ANSWER, ASK, create, start, status, straight

ROWS = [{"sku": f"part-{n}", "note": "x" * 80} for n in range(2_000)]
SEES: dict[str, Any] = {
    "id": "give", "type": "end-flow",
    "result": {"rows": "{{ data.rows | length }}", "round": "{{ data.round }}", "mine": "{{ data.mine | default('') }}"},
}  # fmt: skip
INNER = {
    "id": "inner",
    "type": "group",
    "steps": [ASK, SEES],
    "edges": [{"from": "ask", "to": "give"}],
}
MINE = {"id": "mine", "type": "set", "values": {"mine": "changed"}}
BRANCHES = {
    **{f"quick{n}": {"steps": [MINE, SEES], "edges": [{"from": "mine", "to": "give"}]} for n in range(9)},
    "asks": {"steps": [INNER]},
}  # fmt: skip
STEPS = [
    {"id": "next", "type": "set", "values": {"round": "{{ data.round + 1 }}"}},
    {"id": "fork", "type": "parallel", "branches": BRANCHES,
     "output": {"seen": {"type": "object", "value": "{{ result }}"}}},
]  # fmt: skip
EDGES = [
    {"from": "next", "to": "fork"},
    {"from": "fork", "to": "next", "condition": "data.round < 2"},
    {"from": "fork", "to": "end"},
]


def events(server: Server) -> Iterator[tuple[int, str]]:
    """Return the run number and the body of each event."""
    with sqlite3.connect(f"file:{server.data}/journal.sqlite3?mode=ro", uri=True) as database:
        events_one_by_one(database)
        yield from database.execute("SELECT run, body FROM each_event ORDER BY position")


def answered(client: httpx.Client, run_id: str) -> None:
    settled(client, run_id, "paused")
    answer = client.post(f"/api/workflow/resume/{run_id}", json=ANSWER)
    assert answer.status_code == 200, answer.text


@pytest.mark.data_folder
def test_ten_branches_refer_to_the_data_of_their_parent(server: Server) -> None:
    with server.client() as client:
        create(client, "long", STEPS, EDGES)
        body = {"data": {"rows": ROWS, "round": 0}}
        run_id = client.post("/api/workflow/start-async/long", json=body).json()["runId"]
        answered(client, run_id)
        settled(client, run_id, "paused")
    server.kill()
    server.start()
    with server.client() as client:
        answered(client, run_id)
        ended = settled(client, run_id, "completed")
        assert ended["data"]["seen"]["asks"] == {"rows": 2_000, "round": 2, "mine": ""}
        assert ended["data"]["seen"]["quick0"] == {"rows": 2_000, "round": 2, "mine": "changed"}
        children = [status(client, one) for one in ended["childRunIds"]]
        assert [one["data"]["round"] for one in children] == [1] * 10 + [2] * 10
        assert all(one["data"]["rows"] == ROWS for one in children)
        (inner,) = status(client, children[9]["runId"])["childRunIds"]
        assert status(client, inner)["data"] == {"rows": ROWS, "round": 1}
        reported = client.get(f"/api/workflow/events/{inner}").text
        assert str(len(json.dumps({"rows": ROWS, "round": 1}, separators=(",", ":")))) in reported
    whole, own = len(json.dumps(ROWS)), int(run_id.rpartition("-")[2])
    of_children = sum(len(body) for run, body in events(server) if run != own)
    print(f"{of_children} bytes of 22 child runs beside data of {whole}")
    assert of_children < 22 * 1_500 < whole
    server.terminate()
    assert command("verify", "--data", server.data)["faults"] == 0


def test_items_are_processed_by_inline_steps(shared: Server) -> None:
    looks = {
        "id": "look", "type": "set",
        "values": {"told": "{{ data.index }}: {{ data.item.sku }} of {{ data.rows | length }}"},
    }  # fmt: skip
    fails = {
        "id": "stop",
        "type": "end-flow",
        "status": "failed",
        "errorType": "Odd",
        "message": "{{ data.told }}",
    }
    give = {"id": "give", "type": "end-flow", "result": "{{ {'told': data.told} }}"}
    each: dict[str, Any] = {
        "id": "each", "type": "call-workflow", "items": "{{ data.rows[:5] }}", "onItemError": "continue",
        "steps": [looks, fails, give],
        "edges": [{"from": "look", "to": "stop", "condition": "data.index == 3"}, {"from": "look", "to": "give"}],
        "output": {"told": {"type": "array", "value": "{{ result.outputs }}"},
                   "errors": {"type": "array", "value": "{{ result.errors }}"}},
    }  # fmt: skip
    only = {
        **each,
        "data": {"item": {"sku": "{{ item.sku }}!"}, "index": "{{ index }}", "rows": []},
    }
    with shared.client() as client:
        create(client, "each", [each], straight("each"))
        outcome = start(client, "each", rows=ROWS)["data"]
        reported = [{"told": f"{n}: part-{n} of 2000"} for n in range(5)]
        assert outcome["told"] == [*reported[:3], None, reported[4]]
        assert (outcome["errors"][0]["type"], outcome["errors"][0]["message"]) == (
            "Odd",
            "3: part-3 of 2000",
        )
        create(client, "only", [only], straight("each"))
        assert start(client, "only", rows=ROWS)["data"]["told"][0] == {"told": "0: part-0! of 0"}
        wrong = {**each, "workflowId": "only", "version": "1.0.0", "initialStep": "nowhere"}
        no_items = {key: item for key, item in each.items() if key not in ("items", "onItemError")}
        apart = {**no_items, "items": "{{ data.rows }}", "wait": False, "id": "apart"}
        lone = {"id": "lone", "type": "call-workflow", "workflowId": "only", "edges": []}
        bare = {
            **each,
            "id": "bare",
            "steps": [{"id": "x", "type": "end-flow", "result": "{{ item }}"}],
        }
        steps = [wrong, {**no_items, "id": "once"}, apart, lone, bare]
        document = {"name": "Wrong", "initialStep": "each", "steps": steps,
                    "edges": [{"from": a["id"], "to": b["id"]} for a, b in itertools.pairwise(steps)]}  # fmt: skip
        answer = client.post("/api/workflow/check", json={"text": json.dumps(document)}).json()
        problems = {item["path"]: item["message"] for item in answer["problems"]}
        assert set(problems) >= {
            "steps[0].workflowId", "steps[1].steps", "steps[2].steps", "steps[3].edges", "steps[4].steps[0].result",
        }, problems  # fmt: skip
        assert "data.item" in problems["steps[4].steps[0].result"]


def test_an_attempt_uses_the_data_as_changed_before_it(server: Server) -> None:
    no = {"id": "no", "type": "end-flow", "status": "failed", "message": "too little"}
    group = {
        "id": "pay", "type": "group", "retry": {"maxAttempts": 2, "initialInterval": "1h"},
        "steps": [MINE, no, SEES],
        "edges": [{"from": "mine", "to": "give", "condition": "data.round > 5"}, {"from": "mine", "to": "no"}],
    }  # fmt: skip
    with server.client() as client:
        create(client, "again", [group], [{"from": "pay", "to": "end"}])
        body = {"data": {"rows": ROWS, "round": 1}}
        run_id = client.post("/api/workflow/start-async/again", json=body).json()["runId"]
        until = time.monotonic() + 20
        repair = {"runId": run_id, "data": {"round": 9}}
        while client.post("/api/workflow/management/change-data", json=repair).status_code == 409:
            assert time.monotonic() < until
            time.sleep(0.02)
        client.post("/api/workflow/management/try-now", json={"runId": run_id}).raise_for_status()
        settled(client, run_id, "completed")
    server.kill()
    server.start()
    with server.client() as client:
        ended = status(client, run_id)
        rounds = [status(client, child)["data"]["round"] for child in ended["childRunIds"]]
        assert sorted(rounds) == [1, 9]
        last = f"/api/workflow/runs/{ended['childRunIds'][-1]}/explain"
        reported = client.get(last, params={"path": "data.round"}).json()
        assert (reported["value"], reported["chain"][0]["kind"]) == (9, "input")
