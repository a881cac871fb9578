"""Signals: each is stored until one run takes it, in either order of arrival."""

import json
import time
from typing import Any

import httpx
import pytest

from tests.harness.echo import Echo
from tests.harness.server import Server, settled
from tests.triggers.conftest import Clocked
from tests.triggers.payments import END, PAID, begin, define, flow, send


@pytest.fixture(scope="module")
def client(shared: Server) -> Any:
    with shared.client() as made:
        define(made, flow("paying", PAID))
        yield made


def test_a_waiting_run_gets_the_signal_of_its_key(client: httpx.Client) -> None:
    one, other = (begin(client, "paying", order=order) for order in ("a1", "a2"))
    waiting = settled(client, one, "paused")["pauseSignal"]
    assert (waiting["type"], waiting["name"], waiting["key"]) == (
        "wait_for_signal",
        "payment",
        "a1",
    )
    settled(client, other, "paused")
    assert send(client, key="a1", data={"amount": 3}) == {
        "deliveredTo": [one], "kept": False, "duplicate": False, "startedRunId": None,
    }  # fmt: skip
    ended = settled(client, one, "completed")
    assert ended["result"] == {"got": 3}
    assert ended["data"]["amount"] == 3
    assert client.get(f"/api/workflow/status/{other}").json()["status"] == "paused"
    assert client.get("/inbox").text.count(other) == 0


def test_signals_sent_before_the_wait_are_stored_and_taken_in_order(client: httpx.Client) -> None:
    for amount in (1, 2, 3):
        assert send(client, key=17, data={"amount": amount})["kept"]
    kept = client.get("/api/signals").json()["signals"]
    assert [item["data"]["amount"] for item in kept if item["key"] == "17"] == [1, 2, 3]
    for amount in (1, 2, 3):
        run = client.post("/api/workflow/start/paying", json={"data": {"order": 17}}).json()
        assert (run["status"], run["result"]) == ("completed", {"got": amount})
    assert [
        item for item in client.get("/api/signals").json()["signals"] if item["key"] == "17"
    ] == []


def test_a_start_returns_the_outcome_if_the_signals_of_its_branches_are_stored(
    client: httpx.Client,
) -> None:
    branches = {name: {"steps": [{**PAID, "key": name}]} for name in ("b1", "b2")}
    fork = {"id": "fork", "type": "parallel", "branches": branches,
            "output": {"amount": {"type": "integer", "value": "{{ result.b1.data.amount + result.b2.data.amount }}"}}}  # fmt: skip
    define(client, flow("forked", fork))
    for key in ("b1", "b2"):
        send(client, key=key, data={"amount": 4})
    run = client.post("/api/workflow/start/forked", json={}).json()
    assert (run["status"], run["result"]) == ("completed", {"got": 8})
    run = client.post("/api/workflow/start/forked", json={}).json()
    assert (run["status"], run["pauseSignal"]["name"]) == ("paused", "payment")


def test_the_run_that_has_waited_longest_gets_the_signal(client: httpx.Client) -> None:
    runs = []
    for _ in range(3):
        runs.append(begin(client, "paying", order="longest"))
        settled(client, runs[-1], "paused")
    for run in runs:
        assert send(client, key="longest", data={"amount": 1})["deliveredTo"] == [run]


def test_a_signal_id_counts_once(client: httpx.Client) -> None:
    first = send(client, key="ids", id="evt-1", data={"amount": 1})
    again = send(client, key="ids", id="evt-1", data={"amount": 2})
    assert (first["duplicate"], again["duplicate"], again["kept"]) == (False, True, True)
    run = begin(client, "paying", order="ids")
    assert settled(client, run, "completed")["result"] == {"got": 1}
    assert send(client, key="ids", id="evt-1") == {
        "deliveredTo": [run], "kept": False, "duplicate": True, "startedRunId": None,
    }  # fmt: skip


def test_a_signal_starts_a_run_if_none_waits_for_it(client: httpx.Client) -> None:
    start = {"workflowId": "paying", "data": {"order": "fresh"}}
    sent: dict[str, Any] = {"key": "fresh", "id": "fresh-1", "data": {"amount": 6}, "start": start}
    run = send(client, **sent)["startedRunId"]
    assert settled(client, run, "completed")["result"] == {"got": 6}
    again = send(client, **sent)
    assert (again["deliveredTo"], again["startedRunId"]) == ([run], None)
    waiting = begin(client, "paying", order="fresh")
    settled(client, waiting, "paused")
    other = send(client, **{**sent, "id": "fresh-2"})
    assert (other["deliveredTo"], other["startedRunId"]) == ([waiting], None)
    apart: dict[str, Any] = {"key": "apart", "id": "apart-1", "start": start}
    one, two = (send(client, **apart)["startedRunId"] for _ in range(2))
    assert one == two is not None
    refused = client.post("/api/signals", json={"name": "payment", "start": {"workflowId": "none"}})
    assert refused.json()["details"][0]["path"] == "workflowId"
    assert not any(item["key"] == "" for item in client.get("/api/signals").json()["signals"])


def test_a_signal_to_all_reaches_only_the_runs_that_wait_now(client: httpx.Client) -> None:
    runs = [begin(client, "paying", order="all") for _ in range(3)]
    for run in runs:
        settled(client, run, "paused")
    sent = send(client, key="all", to="all", data={"amount": 5}, id="all-1")
    assert sorted(sent["deliveredTo"]) == sorted(runs)
    for run in runs:
        assert settled(client, run, "completed")["result"] == {"got": 5}
    assert send(client, key="nobody", to="all", id="all-2") == {
        "deliveredTo": [], "kept": False, "duplicate": False, "startedRunId": None,
    }  # fmt: skip
    assert send(client, key="nobody", to="all", id="all-2")["duplicate"]
    late = begin(client, "paying", order="nobody")
    assert settled(client, late, "paused")["pauseSignal"]["key"] == "nobody"


def test_several_signals_are_collected_and_a_deadline_keeps_those_received(
    client: httpx.Client,
) -> None:
    gather = {"id": "g", "type": "wait-for-signal", "signal": "vote", "key": "{{ data.k }}"}
    total = {"amount": {"type": "number", "value": "{{ signals | map(attribute='data') | sum }}"}}
    define(client, flow("three", {**gather, "count": 3, "output": total}))
    until_ten = {**gather, "until": "signals | map(attribute='data') | sum >= 10", "output": total}
    define(client, flow("ten", until_ten))
    late = {"id": "late", "type": "end-flow", "result": {"came": "{{ steps.g.output.count }}"}}
    define(client, {
        **flow("late", {**gather, "count": 3, "deadline": "1s"}),
        "steps": [{**gather, "count": 3, "deadline": "1500ms"}, END, late],
        "edges": [{"from": "g", "to": "late", "on": "timeout"}, {"from": "g", "to": "end"}],
    })  # fmt: skip
    three, ten = begin(client, "three", k="v3"), begin(client, "ten", k="v10")
    for run, key, votes in ((three, "v3", (1, 2, 3)), (ten, "v10", (4, 4, 4))):
        for vote in votes:
            assert client.get(f"/api/workflow/status/{run}").json()["status"] != "completed"
            send(client, "vote", key=key, data=vote)
    assert settled(client, three, "completed")["result"] == {"got": 6}
    assert settled(client, ten, "completed")["result"] == {"got": 12}
    short = begin(client, "late", k="late")
    for _ in range(2):
        send(client, "vote", key="late", data=1)
    assert settled(client, short, "completed")["result"] == {"came": 2}


def test_a_step_sends_a_signal_to_another_run(client: httpx.Client) -> None:
    tell = {"id": "tell", "type": "send-signal", "signal": "payment", "key": "{{ data.to }}",
            "data": {"amount": "{{ data.amount * 2 }}"}}  # fmt: skip
    define(client, flow("teller", tell))
    waiting = begin(client, "paying", order="told")
    settled(client, waiting, "paused")
    sender = begin(client, "teller", to="told", amount=4)
    assert settled(client, waiting, "completed")["result"] == {"got": 8}
    assert settled(client, sender, "completed")["result"] == {"got": 4}
    assert begin(client, "teller", to="later", amount=5)
    later = begin(client, "paying", order="later")
    assert settled(client, later, "completed")["result"] == {"got": 10}


def test_a_step_sends_its_callback_url_to_another_system(client: httpx.Client) -> None:
    with Echo() as echo:
        ask = {"id": "ask", "type": "call-api", "url": echo.address, "method": "POST",
               "body": {"answerTo": "{{ step.callbackUrl }}"}}  # fmt: skip
        wait = {"id": "wait", "type": "wait-for-signal", "callback": "ask",
                "output": {"amount": {"type": "number", "value": "{{ signal.data.amount }}"}}}  # fmt: skip
        define(client, flow("calling", ask, wait))
        run = begin(client, "calling")
        settled(client, run, "paused")
        address = json.loads(echo.seen[-1]["body"])["answerTo"]
    assert "/callback/" in address
    assert "acme" not in address
    with httpx.Client() as nobody:
        assert nobody.post(address[:-2] + "AA", json={"amount": 1}).status_code == 404
        assert (
            nobody.post(
                address, content="{", headers={"content-type": "application/json"}
            ).status_code
            == 400
        )
        assert nobody.post(address, json={"amount": 7}).json() == {"accepted": True}
        assert settled(client, run, "completed")["result"] == {"got": 7}
        again = nobody.post(address, json={"amount": 8})
        assert (again.status_code, again.json()) == (200, {"accepted": False})


def test_a_callback_before_its_step_waits_is_stored(client: httpx.Client) -> None:
    with Echo() as echo:
        ask = {"id": "ask", "type": "call-api", "url": echo.address, "method": "POST",
               "body": {"answerTo": "{{ step.callbackUrl }}"}}  # fmt: skip
        person = {"id": "person", "type": "request-user-action"}
        wait = {"id": "wait", "type": "wait-for-signal", "callback": "ask",
                "output": {"amount": {"type": "number", "value": "{{ signal.data }}"}}}  # fmt: skip
        define(client, flow("early", ask, person, wait))
        run = begin(client, "early")
        settled(client, run, "paused")
        address = json.loads(echo.seen[-1]["body"])["answerTo"]
        assert httpx.post(address, json=9).status_code == 202
        answer = {"type": "request_user_action", "actionId": "person", "actionValue": "approved"}
        client.post(f"/api/workflow/resume/{run}", json=answer).raise_for_status()
        assert settled(client, run, "completed")["result"] == {"got": 9}
        other = begin(client, "early")
        settled(client, other, "paused")
        address = json.loads(echo.seen[-1]["body"])["answerTo"]
        client.post("/api/workflow/management/terminate", json={"runId": other})
        assert httpx.post(address, json=9).status_code == 409


def test_a_refused_answer_to_a_run_without_a_pause_suggests_signals(client: httpx.Client) -> None:
    define(client, flow("slow", {"id": "w", "type": "wait", "duration": "1h"}))
    run = begin(client, "slow")
    answer = {"type": "collect_inputs", "data": {}}
    refused = client.post(f"/api/workflow/resume/{run}", json=answer)
    assert refused.status_code == 409
    assert "wait-for-signal" in refused.json()["message"]
    waiting = begin(client, "paying", order="asked")
    settled(client, waiting, "paused")
    refused = client.post(f"/api/workflow/resume/{waiting}", json=answer)
    assert "send it to POST /api/signals" in refused.json()["message"]


def test_an_invalid_signal_fails_the_step_and_is_consumed(client: httpx.Client) -> None:
    run = begin(client, "paying", order="odd")
    settled(client, run, "paused")
    assert send(client, key="odd", data={"amount": "three"})["deliveredTo"] == [run]
    failed = settled(client, run, "failed")
    assert failed["error"]["type"] == "InvalidOutput"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "callback"}, "name"),
        ({"name": "x", "key": "k" * 201}, "key"),
        ({"name": "x", "keepFor": "91d"}, "keepFor"),
        ({"name": "x", "to": "some"}, "to"),
        ({"name": "x", "id": ""}, "id"),
        ({"name": "x", "to": "all", "start": {"workflowId": "paying"}}, "start"),
        ({"name": "x", "start": {"workflowId": ""}}, "start.workflowId"),
        ({"name": "x", "data": "y" * 300_000}, "data"),
    ],
)
def test_problems_of_a_signal_are_reported_by_field(
    client: httpx.Client, body: dict[str, Any], path: str
) -> None:
    answer = client.post("/api/signals", json=body)
    assert answer.status_code == 400
    assert [item["path"] for item in answer.json()["details"]] == [path]


@pytest.mark.parametrize(
    ("step", "path"),
    [
        ({}, "steps[0].signal"),
        ({"signal": "x", "callback": "end"}, "steps[0].signal"),
        ({"signal": "x", "count": 2, "until": "true"}, "steps[0].until"),
        ({"signal": "x", "until": "1 +"}, "steps[0].until"),
        ({"signal": "callback"}, "steps[0].signal"),
        ({"callback": "end", "key": "k"}, "steps[0].key"),
        ({"signal": "x", "timeout": "5s"}, "steps[0].timeout"),
    ],
)
def test_an_invalid_wait_for_signal_step_is_refused(
    client: httpx.Client, step: dict[str, Any], path: str
) -> None:
    document = flow("wrong", {"id": "w", "type": "wait-for-signal", **step})
    answer = client.post("/api/workflows", json=document)
    assert answer.status_code == 400
    assert path in [item["path"] for item in answer.json()["details"]], answer.text


@pytest.mark.data_folder
def test_an_expired_signal_is_not_taken(clocked: Clocked) -> None:
    clocked.set_clock("2027-01-01T00:00:00Z")
    with clocked.client() as client:
        define(client, flow("paying", PAID))
        send(client, key="old", keepFor="10m", data={"amount": 1})
        clocked.set_clock("2027-01-01T00:11:00Z")
        run = begin(client, "paying", order="old")
        settled(client, run, "paused")
        time.sleep(0.2)
        assert client.get(f"/api/workflow/status/{run}").json()["status"] == "paused"
        assert client.get("/api/signals").json() == {"signals": []}
