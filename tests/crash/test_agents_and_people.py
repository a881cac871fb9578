"""Agents that ask people before they pay, people who answer in every way, and kill -9 in between.

An answer counts once and only for its pause, nothing is paid that nobody approved, and every run
ends. `STEPWELL_SEED=n` repeats the choices of one case, though not the order of all threads.
"""

import json
import os
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.harness.model_server import ModelServer, Reply, Request
from tests.harness.processes import command
from tests.harness.server import Server, settled
from tests.harness.workflows import straight

KILLS = int(os.environ.get("STEPWELL_AGENT_KILLS", "2"))
SEED = int(os.environ.get("STEPWELL_SEED", str(random.SystemRandom().randrange(2**32))))
RUNS = 6 * KILLS
OVER = ("completed", "failed", "cancelled", "terminated")
PLUGIN = '''
import json
import os

from steps import ToolContext, tool


@tool(id="pay")
def pay(to: str, amount: int, context: ToolContext) -> dict:
    """Pay somebody."""
    line = json.dumps([context.idempotency_key, {"to": to, "amount": amount}])
    with open(os.environ["LEDGER"], "a") as ledger:
        ledger.write(line + "\\n")
    return {"paid": amount}
'''
AGENT = {
    "id": "payer", "name": "Payer", "instructions": "Pay.", "model": "m",
    "tools": [{"tool": "pay", "approval": True}, {"workflow": "confirm"}, "ask-user"],
    "output": {"done": {"type": "boolean"}}, "limits": {"maxTurns": 5, "onLimit": "ask"},
}  # fmt: skip


def ask(step_id: str, *values: str, **more: Any) -> dict[str, Any]:
    actions = {"actions": [{"value": value} for value in values]} if values else {}
    return {"id": step_id, "type": "request-user-action", **actions, **more}


def work(step_id: str = "work", **more: Any) -> dict[str, Any]:
    retry = {"maxAttempts": 9, "initialInterval": "30ms", "backoffCoefficient": 1}
    return {"id": step_id, "type": "call-agent", "agentId": "payer", "message": "{{ run.id }}",
            "retry": retry, **more}  # fmt: skip


def flow(name: str, *steps: dict[str, Any], edges: Any = (), **more: Any) -> dict[str, Any]:
    whole = [*steps, {"id": "end", "type": "end-flow"}]
    follow = straight(*(step["id"] for step in steps))
    return {"id": name, "name": name, "initialStep": steps[0]["id"], "steps": whole,
            "edges": [*edges, *follow], **more}  # fmt: skip


def workflows() -> Iterator[dict[str, Any]]:
    yield flow("confirm", ask("ok"), tool=True, description="Confirm")
    yield flow("plain", work())
    yield flow("careful", work(onInterrupted="ask"))
    again = {"from": "more", "to": "work", "condition": "steps.more.output.actionValue == 'again'"}
    yield flow("loop", work(), ask("more", "again", "stop"), edges=[again])
    yield flow("map", {"id": "each", "type": "call-workflow", "workflowId": "plain",
                       "items": [1, 2], "onItemError": "continue"}, ask("after"))  # fmt: skip
    form = {"id": "form", "type": "collect-inputs", "output": {"n": {"type": "integer"}}}
    branches = {"a": {"steps": [work()]}, "b": {"steps": [form]}, "c": {"steps": [ask("c")]}}
    yield flow("fork", {"id": "fork", "type": "parallel", "branches": branches, "enough": 2})
    cancelled = [{"from": name, "to": "tidy", "on": "cancel"} for name in ("work", "q")]
    yield flow("tidy", work(), ask("q"), work("tidy"), edges=cancelled)
    yield flow("budget", work(), budget=0.0002)


def model(request: Request) -> Reply:
    """Answer by the conversation alone, so that a repeated question has the same answer."""
    told = json.dumps(request.body["messages"], sort_keys=True)
    chance = random.Random(f"{SEED} {told}")
    turns = sum(1 for message in request.body["messages"] if message["role"] == "assistant")
    if turns >= 3 or chance.random() < 0.15:
        return Reply(tool_calls=[("deliver", {"done": True})])
    if chance.random() < 0.05:
        return Reply("busy", status=503)
    names = [tool["function"]["name"] for tool in request.body["tools"]]
    confirm = next(name for name in names if "confirm" in name)
    asks_user = next(name for name in names if "ask" in name)
    calls: list[tuple[str, Any]] = []
    for kind in chance.choices(("pay", confirm, asks_user), (6, 1, 1), k=chance.randint(1, 3)):
        if kind == "pay":
            calls.append((kind, {"to": chance.choice("abc"), "amount": chance.randint(1, 9)}))
        else:
            calls.append((kind, {"question": "Why?"} if kind == asks_user else {}))
    return Reply(tool_calls=calls, delay_s=chance.choice([0, 0.01, 0.03]))


class World:
    """What was done and acknowledged.

    Attributes:
        answered: How many answers were accepted, by pause and part of it.
        approved: The arguments that somebody has approved, by run and call.
        repeats: How often somebody has asked to make a call again that a crash interrupted.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.runs: list[str] = []
        self.over: set[str] = set()
        self.pauses: list[tuple[str, dict[str, Any]]] = []
        self.answered: Counter[tuple[str, str]] = Counter()
        self.approved: dict[tuple[str, str], list[Any]] = defaultdict(list)
        self.repeats: Counter[str] = Counter()
        self.is_calm = threading.Event()
        self.stops = threading.Event()
        self.faults: list[Any] = []


class Person(threading.Thread):
    """Looks at runs, answers open and closed pauses, cancels, holds; more patient once calm."""

    def __init__(self, world: World, seed: int) -> None:
        super().__init__()
        self._world = world
        self._chance = random.Random(seed)

    def run(self) -> None:
        with self._world.server.client() as client:
            while not self._world.stops.wait(self._chance.uniform(0.01, 0.04)):
                try:
                    self._act(client)
                except httpx.TransportError:
                    continue
                except Exception as error:  # noqa: BLE001 - reported by the test
                    self._world.faults.append(repr(error))

    def _act(self, client: httpx.Client) -> None:
        world, chance = self._world, self._chance
        if not (open_runs := [run_id for run_id in world.runs if run_id not in world.over]):
            return
        run_id = chance.choice(open_runs)
        kind = "answer" if world.is_calm.is_set() else chance.choices(
            ("answer", "cancel", "terminate", "hold"), (90, 2, 1, 3))[0]  # fmt: skip
        if kind != "answer":
            client.post(f"/api/workflow/management/{kind}", json={"runId": run_id})
            return
        state = client.get(f"/api/workflow/status/{run_id}").json()
        if state["status"] in OVER:
            world.over.add(run_id)
        if "hold" in state:
            client.post("/api/workflow/management/release", json={"runId": run_id})
        asked = [*state.get("pauseSignals", ()), state.get("pauseSignal")]
        world.pauses += [(run_id, pause) for pause in asked if pause]
        if chance.random() < 0.2 and world.pauses:
            self._answer(client, *chance.choice(world.pauses))  # probably one that is over
        elif open_now := [pause for pause in asked if pause]:
            self._answer(client, run_id, chance.choice(open_now))

    def _answer(self, client: httpx.Client, run_id: str, pause: dict[str, Any]) -> None:
        world, chance = self._world, self._chance
        body, approves, parts = answer_to(pause, chance)
        asks = pause.get("runId", run_id)
        for call, arguments in approves:
            world.approved[asks, call].append(arguments)
        world.repeats[asks] += body.get("actionValue") == "again"
        if chance.random() < 0.4:
            headers, times = {"Idempotency-Key": str(chance.random())}, chance.randint(1, 2)
        else:
            headers, times = {}, 1
        address = f"/api/workflow/resume/{chance.choice([run_id, asks])}"
        found = {client.post(address, json=body, headers=headers).status_code for _ in range(times)}
        if not found <= {200, 409}:
            world.faults.append((pause, body, found))
        if 200 in found:
            world.answered.update((pause["pauseId"], part) for part in parts)


@contextmanager
def people_at_work(world: World, chance: random.Random) -> Iterator[None]:
    people = [Person(world, chance.randrange(2**32)) for _ in range(2)]
    for person in people:
        person.start()
    try:
        yield
    finally:
        world.stops.set()
        for person in people:
            person.join()


def answer_to(
    pause: dict[str, Any], chance: random.Random
) -> tuple[dict[str, Any], list[tuple[str, Any]], list[str]]:
    """Return a random answer, the calls that it approves, and the parts that it answers."""
    body = {"type": pause["type"], "pauseId": pause["pauseId"]}
    if pause["type"] == "collect_inputs":
        given = {name: 7 if spec["type"] == "integer" else "so" for name, spec in pause["fields"].items()}  # fmt: skip
        return {**body, "data": given}, [], ["all"]
    value = chance.choice([action["value"] for action in pause["actions"]])
    body |= {"actionId": pause["actionId"]}
    calls = {call["call"]: call["arguments"] for call in pause.get("calls", ())}
    if len(calls) > 1 and chance.random() < 0.6:
        some = chance.sample(sorted(calls), chance.randint(1, len(calls)))
        chosen = {call: chance.choice(["approved", "rejected"]) for call in some}
        decisions = {call: {"actionValue": value} for call, value in chosen.items()}
        approves = [(call, calls[call]) for call in some if chosen[call] == "approved"]
        return {**body, "data": {"calls": decisions}}, approves, some
    body["actionValue"] = value
    if value != "approved" or not calls:
        return body, [], list(calls) or ["all"]
    if len(calls) == 1 and chance.random() < 0.3:
        changed = {"to": "changed", "amount": 1}
        return {**body, "data": changed}, [(*calls, changed)], list(calls)
    return body, list(calls.items()), list(calls)


def test_answers_count_once_and_nothing_is_paid_unapproved(tmp_path: Path) -> None:
    print(f"STEPWELL_SEED={SEED}, {KILLS} kills")
    chance = random.Random(SEED)
    plugin, ledger = tmp_path / "pays.py", tmp_path / "ledger"
    plugin.write_text(PLUGIN)
    ledger.touch()
    environment = {"LEDGER": str(ledger), "STEPWELL_MAX_INTERRUPTIONS": str(KILLS)}
    with (
        ModelServer(model) as models,
        Server(tmp_path / "data", plugin, **environment) as server,
        server.client() as client,
    ):
        prices = {"input": 2, "output": 8}
        document = {"provider": "openai", "baseUrl": models.openai, "model": "m", "retries": 1,
                    "maxTokens": 20, "prices": prices}  # fmt: skip
        assert client.put("/api/models/m", json=document).is_success
        documents = list(workflows())
        for each in documents:
            assert client.post("/api/workflows", json=each).status_code == 201
        assert client.post("/api/agents", json=AGENT).status_code == 201
        world = World(server)
        with people_at_work(world, chance):
            for number in range(RUNS):
                name = documents[1 + number % (len(documents) - 1)]["id"]
                started = client.post(f"/api/workflow/start-async/{name}", json={})
                world.runs.append(started.json()["runId"])
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.3, 1.5))
                server.kill()
                server.start()
            world.is_calm.set()
            for run_id in world.runs:
                settled(client, run_id, *OVER, within=90)
        family = list(whole_families(client, world.runs))
    assert world.faults == []
    assert {key: count for key, count in world.answered.items() if count > 1} == {}
    assert world.answered
    paid = [json.loads(line) for line in ledger.read_text().splitlines()]
    check_payments(world, paid, family)
    assert command("verify", "--data", server.data)["faults"] == 0


def whole_families(client: httpx.Client, runs: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the states of runs and all their child runs, which must have ended."""
    open_runs = list(runs)
    while open_runs:
        state = client.get(f"/api/workflow/status/{open_runs.pop()}").json()
        assert state["status"] in OVER, state
        visits = [visit["status"] for visit in state["stepExecutionHistory"]]
        assert not {"running", "paused"}.intersection(visits), state
        yield state
        open_runs += state["childRunIds"]


def check_payments(world: World, paid: list[Any], family: list[dict[str, Any]]) -> None:
    """Assert that payments were approved, are made again only after kills, and are in histories."""
    for key, arguments in paid:
        run_id, _, _, call = key.split(":")
        assert arguments in world.approved[run_id, call], (key, arguments)
    times = Counter(key for key, _ in paid)
    careful = {state["runId"] for state in family if state["workflowId"] == "careful"}
    for key, count in times.items():
        run_id = key.partition(":")[0]
        most = world.repeats[run_id] if run_id in careful else KILLS
        assert count <= 1 + most, (key, count)
    recorded = {
        f"{state['runId']}:{visit['stepId']}:{visit.get('visit', 1)}:{call['name']}"
        for state in family
        if state["runId"] not in careful  # there, people say what became of a call
        for visit in state["stepExecutionHistory"]
        for call in visit.get("calls", ())
        if call.get("tool") == "pay" and call["ok"]
    }
    assert recorded
    assert recorded <= times.keys(), recorded - times.keys()
