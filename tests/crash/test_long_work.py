"""kill -9 during an agent, a map, a child run and a backoff: each continues where it was."""

import random
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from tests.crash.test_kill import SEED
from tests.harness.agents import OUTPUT, agent
from tests.harness.counting import Counting
from tests.harness.model_server import ModelServer, Reply, Request
from tests.harness.server import Server, settled
from tests.harness.workflows import (
    ANSWER,
    ASK,
    PAYLOAD,
    call,
    create,
    descendants,
    status,
    straight,
)

KILLS = 3
AGENTS = 12
TURNS = 6


def kill_and_start(server: Server) -> None:
    server.kill()
    server.start()


def noting(file: Path) -> Any:
    """Answer with one tool call per turn, then deliver; a word identifies the run."""

    def answer(request: Request) -> Reply:
        turn = turn_of(request)
        if turn == TURNS:
            return Reply(tool_calls=[("deliver", {"answer": turn})], delay_s=0.03)
        called = ("note", {"file": str(file), "word": f"{word_of(request)}/{turn}"})
        return Reply(tool_calls=[called], delay_s=0.03)

    return answer


def turn_of(request: Request) -> int:
    return sum(1 for message in request.body["messages"] if message["role"] == "assistant")


def word_of(request: Request) -> str:
    return str(request.body["messages"][1]["content"])


def test_agents_repeat_no_finished_call(server: Server, tmp_path: Path) -> None:
    print(f"\nseed {SEED}")
    chance = random.Random(SEED)
    file = tmp_path / "notes"
    file.touch()
    with ModelServer(noting(file)) as models:
        with server.client() as client:
            name = agent(client, models, "noting", tools=["note"], output=OUTPUT)
            step = {
                "id": "work",
                "type": "call-agent",
                "agentId": name,
                "message": "{{ data.word }}",
            }
            retry = {"maxAttempts": 50, "initialInterval": "20ms", "maximumInterval": "50ms"}
            create(client, "agents", [{**step, "retry": retry}], straight("work"))
            address = "/api/workflow/start-async/agents"
            words = [f"run{number}" for number in range(AGENTS)]
            runs = [
                client.post(address, json={"data": {"word": word}}).json()["runId"]
                for word in words
            ]
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.02, 0.25))
            kill_and_start(server)
        with server.client() as client:
            documents = [settled(client, run_id, within=60) for run_id in runs]
        assert {document["status"] for document in documents} == {"completed"}
        asked: dict[str, list[int]] = defaultdict(list)
        for request in models.requests:
            asked[word_of(request)].append(turn_of(request))
    for word in words:
        turns = asked[word]
        assert turns == sorted(turns), "a turn is never asked for again once the next one was"
        assert set(turns) == set(range(TURNS + 1))
    noted = Counter(file.read_text().splitlines())
    assert len(noted) == AGENTS * TURNS
    repeats = sum(noted.values()) - len(noted) + sum(len(t) - len(set(t)) for t in asked.values())
    print(
        f"{KILLS} kills, {AGENTS} agents of {TURNS + 1} turns, {repeats} calls in flight repeated"
    )
    assert repeats <= KILLS * AGENTS, "at most the one call in flight is repeated at each kill"
    assert max(noted.values()) <= KILLS + 1


def test_a_map_over_a_thousand_items_has_one_child_per_item(server: Server, tmp_path: Path) -> None:
    print(f"\nseed {SEED}")
    chance = random.Random(SEED)
    file = tmp_path / "notes"
    file.touch()
    note = {"id": "note", "type": "call-tool", "toolId": "note", "output": {"said": {"type": "string", "value": "{{ result }}"}},
            "inputs": {"file": str(file), "word": "item{{ data.n }}"}}  # fmt: skip
    with server.client() as client:
        create(client, "item", [note], straight("note"), **PAYLOAD)
        flow = call("item", items="{{ data.numbers }}", data={"n": "{{ item }}"}, concurrency=20)
        create(client, "map", [flow], straight("call"))
        body = {"data": {"numbers": list(range(1_000))}}
        run_id = client.post("/api/workflow/start-async/map", json=body).json()["runId"]
    killed_inside = 0
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.05, 0.2))
        server.kill()
        killed_inside += 0 < len(set(file.read_text().split("\n"))) < 1_000
        server.start()
    assert killed_inside, "no kill met the map at work"
    with server.client() as client:
        document = settled(client, run_id, "completed", within=60)
        output = document["stepExecutionHistory"][0]["outputData"]
        assert [child["said"] for child in output["outputs"]] == [f"item{n}" for n in range(1_000)]
        count, cursor = 0, None
        while True:
            query = {"parentRunId": run_id, "limit": 500, **({"cursor": cursor} if cursor else {})}
            page = client.get("/api/workflow/runs", params=query).json()
            count, cursor = count + len(page["runs"]), page["nextCursor"]
            if cursor is None:
                break
    assert count == 1_000
    noted = Counter(line.partition(" ")[0] for line in file.read_text().splitlines())
    repeats = sum(noted.values()) - 1_000
    print(f"{killed_inside} kills inside the map, {repeats} steps in flight repeated")
    assert len(noted) == 1_000
    assert repeats <= KILLS * 20


def test_a_paused_child_survives_and_then_its_parents_continue(server: Server) -> None:
    with server.client() as client:
        create(client, "asks", [ASK], straight("ask"))
        create(client, "middle", [call("asks")], straight("call"))
        create(client, "top", [call("middle")], straight("call"))
        run_id = client.post("/api/workflow/start/top").json()["runId"]
        kill_and_start(server)
        assert status(client, run_id)["pauseSignal"]["stepId"] == "ask"
        (_, child_id) = descendants(client, run_id)
        assert client.post(f"/api/workflow/resume/{child_id}", json=ANSWER).status_code == 200
        kill_and_start(server)
        assert settled(client, run_id, "completed")


def test_children_are_stopped_after_a_kill_that_came_first(server: Server) -> None:
    with server.client() as client:
        create(
            client,
            "sleeper",
            [{"id": "sleep", "type": "wait", "duration": "1h"}],
            straight("sleep"),
        )
        flow = call("sleeper", items="{{ data.n }}", data={}, concurrency=200)
        create(client, "sleepers", [flow], straight("call"))
        body = {"data": {"n": list(range(200))}}
        run_id = client.post("/api/workflow/start-async/sleepers", json=body).json()["runId"]
        while len(status(client, run_id)["childRunIds"]) < 100:
            time.sleep(0.01)
        client.post("/api/workflow/management/terminate", json={"runId": run_id})
        kill_and_start(server)
        query = {"parentRunId": run_id, "limit": 500}
        until = time.monotonic() + 60
        while True:
            listed = client.get("/api/workflow/runs", params=query).json()["runs"]
            left = [run for run in listed if run["status"] not in ("terminated", "cancelled")]
            if not left:
                break
            assert time.monotonic() < until, left[:3]
            time.sleep(0.05)
        assert len(listed) == 200


def test_a_pending_retry_continues_with_the_next_attempt(server: Server) -> None:
    with Counting() as counting, server.client() as client:
        step = {"id": "post", "type": "call-api", "method": "POST", "url": f"{counting.address}/flaky",
                "retry": {"maxAttempts": 2, "initialInterval": "1s"}}  # fmt: skip
        create(client, "flaky", [step], straight("post"))
        run_id = client.post("/api/workflow/start-async/flaky").json()["runId"]
        until = time.monotonic() + 60
        while not any("retryAt" in item for item in status(client, run_id)["stepExecutionHistory"]):
            assert time.monotonic() < until
            time.sleep(0.01)
        kill_and_start(server)
        document = settled(client, run_id, "completed")
        assert document["stepExecutionHistory"][0]["attempt"] == 2
        assert counting.requests == {f"{run_id}:post:1": 2}
