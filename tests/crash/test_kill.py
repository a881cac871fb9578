"""kill -9 at random moments under load, repeatedly: nothing acknowledged is lost."""

import os
import random
import sqlite3
import threading
import time
from collections import Counter
from typing import Any

import httpx
import pytest

from tests.harness.counting import Counting
from tests.harness.journal_access import read_journal
from tests.harness.journals import events_one_by_one
from tests.harness.model_server import ModelServer, Reply, Request
from tests.harness.server import Server, settled

CYCLES = int(os.environ.get("STEPWELL_CRASH_CYCLES", "8"))
SEED = int(os.environ.get("STEPWELL_SEED", str(random.SystemRandom().randrange(2**32))))
END = {"id": "end", "type": "end-flow"}
OVER = ("completed", "failed", "cancelled", "terminated")


def workflows(address: str) -> list[dict[str, Any]]:
    """Return workflows that call, retry, loop, wait and pause."""

    def call(step_id: str, path: str, **more: Any) -> dict[str, Any]:
        return {"id": step_id, "type": "call-api", "method": "POST", "url": address + path, **more}

    retry = {"maxAttempts": 8, "initialInterval": "30ms", "backoffCoefficient": 1}
    count = {"id": "count", "type": "call-tool", "toolId": "add",
             "inputs": {"a": "{{ data.sum | default(0) }}"}, "output": {"sum": {"type": "integer"}}}  # fmt: skip
    return [
        {
            "id": "calling", "name": "Calling", "initialStep": "one",
            "steps": [call("one", "/ok"), call("two", "/slow"), call("three", "/ok"), END],
            "edges": [{"from": "one", "to": "two"}, {"from": "two", "to": "three"},
                      {"from": "three", "to": "end"}],
        },
        {
            "id": "retrying", "name": "Retrying", "initialStep": "flaky",
            "steps": [call("flaky", "/flaky", retry=retry), END],
            "edges": [{"from": "flaky", "to": "end"}],
        },
        {
            "id": "looping", "name": "Looping", "initialStep": "count",
            "steps": [count, END],
            "edges": [{"from": "count", "to": "count", "condition": "data.sum < 12"},
                      {"from": "count", "to": "end"}],
        },
        {
            "id": "waiting", "name": "Waiting", "initialStep": "nap",
            "steps": [{"id": "nap", "type": "wait", "duration": "200ms"}, call("after", "/ok"), END],
            "edges": [{"from": "nap", "to": "after"}, {"from": "after", "to": "end"}],
        },
        {
            "id": "pausing", "name": "Pausing", "initialStep": "ask",
            "steps": [{"id": "ask", "type": "request-user-action"}, call("told", "/ok"), END],
            "edges": [{"from": "ask", "to": "told"}, {"from": "told", "to": "end"}],
        },
        {
            "id": "mapping", "name": "Mapping", "initialStep": "map",
            "steps": [{"id": "map", "type": "call-workflow", "workflowId": "calling", "items": [1, 2, 3],
                       "concurrency": 2}, END],
            "edges": [{"from": "map", "to": "end"}],
        },
        {
            "id": "asking", "name": "Asking", "initialStep": "read",
            "steps": [{"id": "read", "type": "call-llm", "model": "m", "prompt": "Where?", "retry": retry,
                       "output": {"city": {"type": "string"}}},
                      {"id": "know", "type": "collect-inputs", "output": {"city": {"type": "string"}}}, END],
            "edges": [{"from": "read", "to": "know"}, {"from": "know", "to": "end"}],
        },
        {
            "id": "delegating", "name": "Delegating", "initialStep": "work",
            "steps": [{"id": "work", "type": "call-agent", "agentId": "worker", "message": "Work.",
                       "retry": retry}, END],
            "edges": [{"from": "work", "to": "end"}],
        },
    ]  # fmt: skip


AGENT = {"id": "worker", "name": "Worker", "instructions": "Work.", "model": "m", "tools": ["add"],
         "output": {"city": {"type": "string"}}}  # fmt: skip


def answer(request: Request) -> Reply:
    """Answer a model request: with the city, after one tool call if there are tools."""
    if "tools" not in request.body:
        return Reply('{"city": "Rome"}', delay_s=0.02)
    has_called = any(message["role"] == "tool" for message in request.body["messages"])
    called = ("deliver", {"city": "Rome"}) if has_called else ("add", {"a": 1})
    return Reply(tool_calls=[called], delay_s=0.02)


def contradictions(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return where the current state of a run contradicts an earlier one.

    A run that has ended does not change. A history only grows, and its visits stay: an ended visit is
    unchanged, and an open one keeps its step and start.
    """
    run_id, found = before["runId"], []
    if now["runId"] != run_id:
        found.append(f"{run_id} became {now['runId']}")
    if before["status"] in OVER and before != now:
        found.append(f"{run_id} changed after its end: {before} became {now}")
    was, history = before["stepExecutionHistory"], now["stepExecutionHistory"]
    if len(history) < len(was):
        found.append(f"{run_id}: a history of {len(was)} visits has shrunk to {len(history)}")
    for old, new in zip(was, history, strict=False):  # the newer history is longer
        kept = ("stepId", "startTime") if old["status"] in ("running", "paused") else tuple(old)
        if any(old[name] != new.get(name) for name in kept):
            found.append(f"{run_id}: {old} became {new}")
    return found


class Load:
    """Starts runs until stopped; records what was acknowledged."""

    def __init__(self, server: Server, seed: int) -> None:
        self.server = server
        self.random = random.Random(seed)
        self.started: dict[str, tuple[str, str]] = {}
        self.resumed: set[str] = set()
        self.seen: dict[str, dict[str, Any]] = {}
        self.stop = threading.Event()
        self.faults: list[str] = []

    def run(self) -> None:
        number = 0
        names = [document["id"] for document in workflows("")]
        with self.server.client("operator") as client:
            while not self.stop.is_set():
                number += 1
                time.sleep(0.04)
                try:
                    self.one(client, self.random.choice(names), f"{id(self)}-{number}")
                except httpx.TransportError:
                    time.sleep(0.02)

    def one(self, client: httpx.Client, name: str, key: str) -> None:
        answer = client.post(f"/api/workflow/start-async/{name}", headers={"idempotency-key": key})
        if answer.status_code == 200:
            self.started[answer.json()["runId"]] = (name, key)
        elif answer.status_code < 500 or answer.status_code == 500:
            self.faults.append(answer.text)
        if self.started and self.random.random() < 0.5:
            self.look(client, self.random.choice(list(self.started)))

    def look(self, client: httpx.Client, run_id: str) -> None:
        """Compare a run with its last known state: its history only grows, and results stay."""
        answer = client.get(f"/api/workflow/status/{run_id}")
        if answer.status_code != 200:
            self.faults.append(f"{run_id}: {answer.text}")
            return
        document = answer.json()
        if before := self.seen.get(run_id):
            self.faults += contradictions(before, document)
        self.seen[run_id] = document
        if document["status"] == "paused" and run_id not in self.resumed:
            body = {"type": "request_user_action", "actionId": "ask", "actionValue": "approved"}
            answer = client.post(f"/api/workflow/resume/{run_id}", json=body)
            if answer.status_code == 200:
                self.resumed.add(run_id)
            elif answer.status_code != 409:
                self.faults.append(answer.text)


def _seen(status: str, *history: str, run_id: str = "dynamic-workflow-1") -> dict[str, Any]:
    """Return a run's status document; each visit in `history` is written as `step:status`."""
    visits: list[dict[str, Any]] = []
    for at, (step_id, _, reported) in enumerate(visit.partition(":") for visit in history):
        visits.append(
            {"stepId": step_id, "status": reported, "startTime": f"2026-01-01T00:00:0{at}Z"}
        )
        if reported == "completed":
            visits[-1]["outputData"] = {"n": at}
    return {"runId": run_id, "status": status, "stepExecutionHistory": visits}


@pytest.mark.parametrize(("before", "now"), [
    (_seen("running", "a:running"), _seen("running", "a:completed", "b:running")),
    (_seen("paused", "a:paused"), _seen("completed", "a:completed", "b:completed")),
    (_seen("completed", "a:completed"), _seen("completed", "a:completed")),
])  # fmt: skip
def test_progress_is_no_contradiction(before: dict[str, Any], now: dict[str, Any]) -> None:
    assert contradictions(before, now) == []


@pytest.mark.parametrize(("before", "now", "reported"), [
    (_seen("running", "a:completed", "b:running"), _seen("running", "a:completed"), "a history of 2 visits has shrunk to 1"),
    (_seen("running", "a:completed"), _seen("running"), "a history of 1 visits has shrunk to 0"),
    (_seen("running", "a:completed"), _seen("running", "a:running"), "became {'stepId': 'a', 'status': 'running'"),
    (_seen("running", "a:completed"), _seen("running", "a:failed"), "became {'stepId': 'a', 'status': 'failed'"),
    (_seen("running", "a:failed", "b:running"), _seen("running", "a:completed", "b:running"), "became {'stepId': 'a', 'status': 'completed'"),
    (_seen("running", "a:running"), _seen("running", "b:running"), "became {'stepId': 'b'"),
    (_seen("completed", "a:completed"), _seen("completed", "a:completed", "b:running"), "changed after its end"),
    (_seen("failed", "a:failed"), _seen("running", "a:failed"), "changed after its end"),
    (_seen("running"), _seen("running", run_id="dynamic-workflow-2"), "became dynamic-workflow-2"),
])  # fmt: skip
def test_a_contradiction_is_found(
    before: dict[str, Any], now: dict[str, Any], reported: str
) -> None:
    found = contradictions(before, now)
    assert len(found) == 1
    assert reported in found[0]


def test_nothing_acknowledged_is_lost(server: Server) -> None:
    print(f"STEPWELL_SEED={SEED}, {CYCLES} kills")
    server.environment["STEPWELL_MAX_INTERRUPTIONS"] = str(CYCLES)  # no kill is a step's fault
    chance = random.Random(SEED)
    with Counting() as counting, ModelServer(answer) as models:
        with server.client() as client:
            model = {"provider": "openai", "baseUrl": models.openai, "model": "m"}
            assert client.put("/api/models/m", json=model).is_success
            assert client.post("/api/agents", json=AGENT).is_success
            for document in workflows(counting.address):
                assert client.post("/api/workflows", json=document).status_code == 201
        server.key("operator")
        loads = [Load(server, chance.randrange(2**32)) for _ in range(3)]
        threads = [threading.Thread(target=load.run) for load in loads]
        for thread in threads:
            thread.start()
        dead_times, in_flight_kills = [], 0
        for cycle in range(CYCLES):
            server.installed = cycle % 4 == 0  # the installed script gets a new hash seed
            time.sleep(chance.uniform(0.05, 0.6))
            server.kill()
            in_flight_kills += unfinished(server) > 0
            dead_times.append(server.start())
        for load in loads:
            load.stop.set()
        for thread in threads:
            thread.join()
        check_everything(server, loads, counting, in_flight_kills)
    dead_times.sort()
    print(
        f"dead time after a kill: median {dead_times[CYCLES // 2]:.2f} s, most {dead_times[-1]:.2f} s"
    )
    print(f"kills that met runs inside a step: {in_flight_kills}")


def check_everything(
    server: Server, loads: list[Load], counting: Counting, in_flight_kills: int
) -> None:
    assert in_flight_kills > 0, "no kill met a run in flight, so nothing was shown"
    started = {run_id: load for load in loads for run_id in load.started}
    assert len(started) > CYCLES
    with server.client() as client:
        for run_id, load in started.items():
            document = settled(client, run_id, *OVER, "paused", within=90)
            if document["status"] == "paused":
                load.resumed.discard(run_id)
                load.look(client, run_id)
                document = settled(client, run_id, *OVER)
            load.look(client, run_id)
            assert document["status"] == "completed", document
            name, key = load.started[run_id]
            address = f"/api/workflow/start-async/{name}"
            again = client.post(address, headers={"idempotency-key": key}).json()
            assert again == {"runId": run_id}
    assert [fault for load in loads for fault in load.faults] == []
    server.kill()
    with read_journal(server) as journal:
        check_journal(journal, counting)


def check_journal(journal: sqlite3.Connection, counting: Counting) -> None:
    events_one_by_one(journal)
    gaps = "SELECT run FROM each_event GROUP BY run HAVING count(*) != max(seq) OR min(seq) != 1"
    assert journal.execute(gaps).fetchall() == []
    visit = "run, json_extract(body, '$.step_id'), coalesce(json_extract(body, '$.visit'), 1)"
    twice = f"""SELECT {visit} FROM each_event WHERE type = 'StepCompleted'
                GROUP BY 1, 2, 3 HAVING count(*) > 1"""
    assert journal.execute(twice).fetchall() == []
    sent, interrupted = (
        Counter(
            f"dynamic-workflow-{run}:{step}:{number}"
            for run, step, number in journal.execute(
                f"SELECT {visit} FROM each_event WHERE type = ?", (kind,)
            )
        )
        for kind in ("StepStarted", "AttemptInterrupted")
    )
    assert counting.requests, "no request was sent"
    for key, count in counting.requests.items():
        assert 1 <= count <= sent[key] + interrupted[key], (key, count)
    assert journal.execute("PRAGMA quick_check").fetchone() == ("ok",)


def unfinished(server: Server) -> int:
    """Count the runs that a kill interrupted inside a step."""
    with read_journal(server) as journal:
        (count,) = journal.execute("SELECT count(*) FROM runs WHERE state = 'executing'").fetchone()
    return int(count)
