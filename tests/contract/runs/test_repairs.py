"""Repairs of a run: try now, give up, skip, change data, hold and release."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.harness.echo import Echo
from tests.harness.processes import command
from tests.harness.server import Server, settled
from tests.harness.workflows import create, start, status, straight

RETRY = {"maxAttempts": 3, "initialInterval": "1h"}
STEPS: list[dict[str, Any]] = [
    {"id": "pay", "type": "call-api", "method": "POST", "url": "{{ data.url }}", "retry": RETRY,
     "output": {"status": {"type": "integer", "value": "{{ response.status }}"}}},
    {"id": "wait", "type": "wait", "until": "{{ data.until }}"},
    {"id": "ask", "type": "request-user-action", "name": "Ask", "message": "Pay {{ data.amount }}?"},
    {"id": "end", "type": "end-flow", "result": {"status": "{{ data.status }}", "amount": "{{ data.amount }}"}},
]  # fmt: skip
EDGES = [{"from": a["id"], "to": b["id"]} for a, b in pairwise(STEPS)]
FIELDS = {"amount": {"type": "number"}, "url": {"type": "string"}, "until": {"type": "string"}}


@pytest.fixture(scope="module")
def client(shared: Server) -> Iterator[httpx.Client]:
    with shared.client() as client:
        document = {"id": "paying", "name": "Paying", "initialStep": "pay", "payload": FIELDS,
                    "steps": STEPS, "edges": EDGES}  # fmt: skip
        client.post("/api/workflows", json=document).raise_for_status()
        yield client


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    with Echo() as echo:
        yield echo


def started(client: httpx.Client, url: str, sleep_s: float = 3600) -> str:
    until = datetime.now(UTC) + timedelta(seconds=sleep_s)
    data = {"amount": 5, "url": url, "until": until.isoformat(), "note": 1}
    answer = client.post("/api/workflow/start-async/paying", json={"data": data})
    return str(answer.raise_for_status().json()["runId"])


def backing_off(client: httpx.Client, run_id: str, attempt: int = 1) -> datetime:
    until, last = time.monotonic() + 60, []
    while time.monotonic() < until:
        last = client.get(f"/api/workflow/status/{run_id}").json()["stepExecutionHistory"][-1:]
        if last and "retryAt" in last[0] and last[0].get("attempt", 1) == attempt:
            return datetime.fromisoformat(last[0]["retryAt"])
    raise AssertionError(last)


def sleeping(client: httpx.Client, run_id: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if client.get(f"/api/workflow/status/{run_id}").json()["waitingUntil"]:
            return
    raise AssertionError(run_id)


def repair(client: httpx.Client, verb: str, run_id: str, **more: Any) -> httpx.Response:
    return client.post(f"/api/workflow/management/{verb}", json={"runId": run_id, **more})


def events(client: httpx.Client, run_id: str) -> list[str]:
    answer = client.get(f"/api/workflow/events/{run_id}")
    return [line[7:] for line in answer.text.splitlines() if line.startswith("event: ")]


def test_a_waiting_step_is_tried_now_given_up_or_skipped(client: httpx.Client, echo: Echo) -> None:
    run = started(client, f"{echo.address}/500")
    backing_off(client, run)
    assert repair(client, "try-now", run, stepId="wait").status_code == 409
    assert repair(client, "try-now", run, stepId="pay", visit=2).status_code == 409
    answer = repair(client, "try-now", run, stepId="pay", visit=1, reason="it is up again")
    assert answer.json() == {"success": True, "runId": run, "status": "running", "message": "the step no longer waits"}  # fmt: skip
    backing_off(client, run, 2)
    reported = repair(client, "skip", run, stepId="pay", output={"status": "paid"})
    assert (reported.status_code, "output.status: must be" in reported.json()["message"]) == (
        400,
        True,
    ), reported.text
    assert repair(client, "skip", run, stepId="pay", output={"status": 201}).status_code == 200
    sleeping(client, run)
    assert repair(client, "try-now", run, stepId="wait").status_code == 200
    assert settled(client, run)["status"] == "paused"
    refused = repair(client, "skip", run, stepId="ask", output={})
    assert (refused.status_code, "answer it" in refused.json()["message"]) == (409, True)

    lost = started(client, f"{echo.address}/500")
    until = backing_off(client, lost)
    assert until - datetime.now(UTC) > timedelta(minutes=25), (
        "the hour that is declared, with jitter"
    )
    assert repair(client, "give-up", lost, reason="no use").status_code == 200
    document = settled(client, lost)
    assert (document["status"], document["error"]["type"]) == ("failed", "HttpStatus")
    assert events(client, lost)[-3:] == ["step.given_up", "step.failed", "run.failed"]
    for named in ({}, {"stepId": "pay"}, {"visit": 1}):
        over = repair(client, "give-up", lost, **named)
        assert (over.status_code, "run it again instead" in over.json()["message"]) == (409, True)


def test_the_data_of_a_waiting_run_is_changed(client: httpx.Client, echo: Echo) -> None:
    run = started(client, f"{echo.address}/200", 0.1)
    asked = settled(client, run)["pauseSignal"]["pauseId"]
    wrong = repair(client, "change-data", run, data={"amount": "many"})
    assert (wrong.status_code, wrong.json()["details"][0]["path"]) == (400, "data.amount")
    assert repair(client, "change-data", run).json()["details"][0]["path"] == "data", (
        "not asked again"
    )
    gone = repair(client, "change-data", run, remove=["noot"])
    assert "note" in gone.json()["message"], "the message suggests the nearest name"
    assert repair(client, "change-data", run, data={"amount": 7, "by": "hand"}, remove=["note"]).status_code == 200  # fmt: skip
    status = client.get(f"/api/workflow/status/{run}").json()
    assert (status["data"]["amount"], status["data"]["by"], "note" in status["data"]) == (7, "hand", False)  # fmt: skip
    answer = {"type": "request_user_action", "actionId": "ask", "actionValue": "approved"}
    late = client.post(f"/api/workflow/resume/{run}", json={**answer, "pauseId": asked})
    assert late.status_code == 409, "an answer to the old data is refused"
    client.post(f"/api/workflow/resume/{run}", json=answer).raise_for_status()
    assert settled(client, run)["result"] == {"status": 200, "amount": 7}


def test_an_open_question_reads_as_the_data_that_was_changed(client: httpx.Client) -> None:
    two = {"id": "ask", "type": "request-user-action", "message": "Pay {{ data.amount }} to {{ data.to }}?",
           "required": 2, "exclude": ["{{ data.to }}"], "deadline": "1h", "actions": [{"value": "yes"}]}  # fmt: skip
    late = {"from": "ask", "to": "end", "on": "timeout"}
    create(
        client,
        "paying-two",
        [two],
        [*straight("ask"), late],
        payload={"amount": {"type": "number"}},
    )
    run = start(client, "paying-two", amount=5, to="Ada")["runId"]
    answer = {"type": "request_user_action", "actionId": "ask", "actionValue": "yes"}
    client.post(f"/api/workflow/resume/{run}", json=answer).raise_for_status()
    before = status(client, run)["pauseSignal"]
    assert len(before["answers"]) == 1
    changed = {"amount": 700, "to": "Bob"}
    assert repair(client, "change-data", run, data=changed).status_code == 200
    after = status(client, run)["pauseSignal"]
    assert (after["message"], after["deadline"]) == ("Pay 700 to Bob?", before["deadline"])
    assert after["exclude"] == ["Ada", "Bob"]
    assert after["answers"] == [], "the first answer was for 5"
    cannot = repair(client, "change-data", run, remove=["to"])
    assert (cannot.status_code, "data.to does not exist" in cannot.json()["message"]) == (400, True)
    assert status(client, run)["pauseSignal"]["pauseId"] == after["pauseId"]


def test_a_run_waits_for_the_signal_that_its_changed_data_names(client: httpx.Client) -> None:
    wait = {"id": "wait", "type": "wait-for-signal", "signal": "paid", "key": "{{ data.order }}"}
    create(client, "order", [wait], straight("wait"))
    run = start(client, "order", order="A7")["runId"]
    sent = {"name": "paid", "key": "A8", "data": {}}
    assert client.post("/api/signals", json=sent).json()["kept"]
    assert repair(client, "change-data", run, data={"order": "A8"}).status_code == 200
    assert settled(client, run, "completed")["status"] == "completed"


def test_a_repair_repeated_under_its_key_is_made_once(client: httpx.Client, echo: Echo) -> None:
    run = started(client, f"{echo.address}/500")
    backing_off(client, run)

    def keyed(verb: str, key: str, **more: Any) -> int:
        head = {"Idempotency-Key": key}
        address = f"/api/workflow/management/{verb}"
        return client.post(address, json={"runId": run, **more}, headers=head).status_code

    assert keyed("try-now", "now") == 200
    backing_off(client, run, 2)
    assert keyed("try-now", "now") == 200
    assert keyed("hold", "now") == 422
    assert keyed("change-data", "first", data={"note": "a"}) == 200
    assert keyed("change-data", "second", data={"note": "b"}) == 200
    assert keyed("change-data", "first", data={"note": "a"}) == 200
    assert keyed("change-data", "first", data={"note": "c"}) == 422
    shown = status(client, run)
    assert (shown["data"]["note"], shown["stepExecutionHistory"][-1]["attempt"]) == ("b", 2)
    assert keyed("give-up", "no use") == 200
    settled(client, run, "failed")
    assert keyed("give-up", "no use") == 200


def test_a_run_is_held_until_it_is_released(server: Server, echo: Echo) -> None:
    with server.client() as client, server.client("viewer") as viewer:
        document = {"id": "paying", "name": "P", "initialStep": "pay", "payload": FIELDS, "steps": STEPS, "edges": EDGES}  # fmt: skip
        client.post("/api/workflows", json=document).raise_for_status()
        began = time.monotonic()
        run = started(client, f"{echo.address}/200", 4)
        sleeping(client, run)
        assert repair(viewer, "hold", run).status_code == 403
        assert repair(client, "hold", run, reason="the bank is down").status_code == 200
        assert repair(client, "hold", run).status_code == 409
        hold = client.get(f"/api/workflow/status/{run}").json()["hold"]
        assert (hold["reason"], hold["by"][:4]) == ("the bank is down", "key:")
        (line,) = client.get("/api/workflow/runs").json()["runs"]
        assert (line["held"], line["status"]) == (True, "running")
        assert repair(client, "try-now", run).status_code == 409
        server.kill()
        server.start()
        time.sleep(max(0.0, began + 4.3 - time.monotonic()))
        still = client.get(f"/api/workflow/status/{run}").json()
        assert (still["status"], still["currentStepId"]) == ("running", "wait"), "past its moment"
        place = ["--url", server.address, "--key", server.key(), "--tenant", "acme"]
        shown = command("repair", "release", run, "--reason", "it is up", *place, "--json")
        assert "hold" not in shown
        assert settled(client, run)["status"] == "paused"
        assert repair(client, "hold", run).status_code == 200
        answer = {"type": "request_user_action", "actionId": "ask", "actionValue": "approved"}
        client.post(f"/api/workflow/resume/{run}", json=answer).raise_for_status()
        held = client.get(f"/api/workflow/status/{run}").json()
        assert (held["status"], held["currentStepId"], held["hold"]["nextStepId"]) == ("running", None, "end")  # fmt: skip
        assert repair(client, "release", run).status_code == 200
        assert settled(client, run)["status"] == "completed"
        assert command("verify", "--data", server.data)["faults"] == 0
