"""No callback blocks the event loop for more than 50 ms under any request.

Measured by the processor time of the loop's thread in one callback, which does not depend on the
load of the machine. The plug-in `stalls.py` writes the file of long callbacks.
"""

import asyncio
import json
import os
import sqlite3
import time
from contextlib import closing
from typing import Any

import httpx

from tests.harness.flood import flood, start_of
from tests.harness.server import Server, settled
from tests.load.conftest import LIMIT_MS, Load, callbacks, chain, nothing_long, thoughts

VISITS = int(os.environ.get("STEPWELL_LOAD_VISITS", "1000"))


def create(client: httpx.Client, document: dict[str, Any]) -> None:
    client.post("/api/workflows", json=document).raise_for_status()


def test_a_callback_that_blocks_the_loop_is_detected_and_logged(load: Load) -> None:
    server = load(stall_warning=60)
    step = {"id": "hog", "type": "call-tool", "toolId": "hog", "inputs": {"seconds": 0.4}}
    with server.client() as client:
        create(client, chain([step], "hogging"))
        client.post("/api/workflow/start/hogging", json={}).raise_for_status()
    assert [item["burned_ms"] >= 400 for item in callbacks(server) if item["ms"] > LIMIT_MS] == [
        True
    ]
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line[0] == "{"]
    stalls = [line for line in lines if line["event"] == "event loop stalled"]
    (reported,) = [
        line for line in stalls if "in hog" in line["stack"]
    ]  # a busy machine may add others
    assert reported["wall_ms"] >= 60
    assert reported["cpu_ms"] > 0


def test_long_bodies_outputs_and_definitions(load: Load) -> None:
    server = load()
    much = {"id": "much", "type": "call-tool", "toolId": "much", "inputs": {"size": 1_000_000},
            "output": {"text": {"type": "string", "value": "{{ result.text }}"}}}  # fmt: skip
    many = [
        {"id": f"s{i}", "type": "call-api", "method": "POST", "url": f"https://example.com/{i}",
         "body": {"a": "{{ data.a }}", "b": "x {{ data.b | upper }}"},
         "output": {f"o{i}": {"type": "string", "value": "{{ response.body.x }}"}}}
        for i in range(999)
    ]  # fmt: skip
    with server.client() as client:
        for name, value in (("KEY", "a-secret-with/odd+chars"), ("OTHER", "0123456789abcdee")):
            client.put(f"/api/secrets/{name}", json={"value": value}).raise_for_status()
        create(client, chain([], "plain"))
        create(client, chain([much], "much"))
        copy = {"id": "copy", "type": "set", "values": {"b": "{{ data.a }}"}}
        create(client, chain([copy], "copy"))
        create(client, chain(many, "thousand"))
        texts = {f"v{i}": "x {{ data.a }} y {{ data.b | upper }}" for i in range(4_000)}
        create(client, chain([{"id": "set", "type": "set", "values": texts}], "texts"))
        client.post(
            "/api/workflow/start/texts", json={"data": {"a": 1, "b": "q"}}
        ).raise_for_status()
        bodies = (
            {"text": "é" * 500_000},
            {"numbers": list(range(99_000))},
            {"objects": [{f"k{i}": i} for i in range(45_000)]},
        )
        for data in bodies:
            answer = client.post("/api/workflow/start/plain", json={"data": data})
            assert answer.json()["data"] == data
            shown = client.get(f"/api/workflow/status/{answer.json()['runId']}").json()
            assert shown["data"] == data
        numbers = f"{'1' * 3_999} " * 200  # each digit may be the first of a number
        ended = client.post("/api/workflow/start/copy", json={"data": {"a": numbers}}).json()
        assert ended["data"]["b"] == numbers
        for _ in range(5):
            ended = client.post("/api/workflow/start/much", json={}).json()
            assert len(ended["data"]["text"]) == 1_000_000
            client.get(f"/api/workflow/status/{ended['runId']}").raise_for_status()
        client.get("/api/workflow/runs", params={"limit": 100}).raise_for_status()
        client.get("/api/workflows/thousand").raise_for_status()
        client.put("/api/workflows/thousand", json={"description": "again"}).raise_for_status()
    nothing_long(server)


def test_a_run_with_a_long_history(load: Load) -> None:
    server = load()
    count = {"id": "count", "type": "call-tool", "toolId": "transform",
             "inputs": {"n": "{{ data.n + 1 }}"},
             "output": {"n": {"type": "integer", "value": "{{ result.n }}"}}}  # fmt: skip
    document = {
        **chain([count], "looping"),
        "maxStepExecutions": 100_000,
        "edges": [
            {"from": "count", "to": "count", "condition": f"data.n < {VISITS}"},
            {"from": "count", "to": "end"},
        ],
    }
    with server.client() as client:
        client.timeout = httpx.Timeout(120)
        create(client, document)
        started = client.post("/api/workflow/start-async/looping", json={"data": {"n": 0}}).json()
        run_id = started["runId"]
        shown = settled(client, run_id, within=120)
        assert shown["status"] == "completed"
        assert len(shown["stepExecutionHistory"]) == min(VISITS + 1, 1_000), "its first page"
        again = {"runId": run_id, "workflowId": "looping"}
        assert client.post("/api/workflow/management/cancel", json=again).status_code == 409
        assert client.post(f"/api/workflow/resume/{run_id}", json={"type": "x"}).status_code in (
            400,
            409,
        )
    expressions_at_their_limits(server)
    nothing_long(server)


def expressions_at_their_limits(server: Server) -> None:
    costly = (
        "range(100000) | list | length",
        "data.s | join(',') | length",
        "data.s | sort | length",
        "data.s | reverse | list | length",
        "data.o | tojson | length",
        "data.o == data.o",
        "data.t | replace('a', 'bb') | length",
        "'zz' in data.s",
    )
    with server.client() as client:
        result = {f"r{i}": f"{{{{ {text} }}}}" for i, text in enumerate(costly)}
        data = {
            "s": ["a" * 8] * 20_000,
            "o": [{"k": i} for i in range(10_000)],
            "t": "abc" * 60_000,
        }
        for name, text in result.items():
            workflow = chain([], f"costly-{name}")
            workflow["steps"][-1]["result"] = {name: text}
            create(client, workflow)
            ended = client.post(f"/api/workflow/start/costly-{name}", json={"data": data}).json()
            assert ended["status"] in ("completed", "failed")


def test_large_expressions_conditions_and_outputs(load: Load) -> None:
    server = load()
    data = {
        "rows": [{f"c{column}": column for column in range(10)} for _ in range(3_000)],
        "few": [{"a": number, "b": {"c": str(number)}} for number in range(8_000)],
        "numbers": list(range(15_000)),
        "flag": True,
    }
    asked = [
        ("csv", "set", {"csv": "{{ data.rows | to_csv }}"}),
        ("sum", "set", {"sum": "{{ data.few | map(attribute='a') | sum }}"}),
        ("copy", "set", {"copy": "{{ data.few }}"}),
        ("more", "set", {"more": "{{ data.numbers | select('>', 14000) | list }}"}),
    ]
    steps = [{"id": name, "type": kind, "values": values} for name, kind, values in asked]
    conditions = [
        *(
            f"data.numbers | select('>', {most}) | list | length > 0"
            for most in range(20_000, 20_005)
        ),
        "data.few | map(attribute='a') | sum < 0",
        "(data.rows | last).c3 == 4",
        "(data.numbers | select('<', 5) | list | length) == 5",
    ]
    document = chain(steps, "much-at-once")
    document["edges"][-1:] = [
        {"from": "more", "to": to, "condition": text}
        for text, to in zip(conditions, (*["csv"] * 5, "sum", "copy", "end"), strict=True)
    ]
    with server.client() as client:
        client.timeout = httpx.Timeout(60)
        create(client, document)
        answer = client.post("/api/workflow/start/much-at-once", json={"data": data})
    ended = answer.json()
    assert answer.status_code == 200, answer.text
    assert ended["status"] == "completed", ended["error"]
    assert ended["data"]["sum"] == 8_000 * 7_999 // 2
    assert ended["data"]["copy"] == data["few"]
    assert ended["data"]["more"] == list(range(14_001, 15_000))
    assert ended["data"]["csv"].count("\n") == 3_001
    nothing_long(server)


def test_many_secrets_and_sensitive_fields(load: Load) -> None:
    server = load()
    much = {"id": "much", "type": "call-tool", "toolId": "much", "inputs": {"size": 800_000},
            "output": {"text": {"type": "string", "value": "{{ result.text }}"}}}  # fmt: skip
    seal = {"id": "seal", "type": "call-tool", "toolId": "transform",
            "inputs": {"kept": "{{ data.given }}"},
            "output": {"kept": {"type": "array", "sensitive": True,
                                "value": "{{ result.kept }}"}}}  # fmt: skip
    hand = {"id": "hand", "type": "call-workflow", "workflowId": "{{ data.called }}",
            "data": {"text": "{{ data.text }}", "list": "{{ data.given }}"}}  # fmt: skip
    use = {"id": "use", "type": "set", "values": {"n": 1}}
    document = chain([much, hand, seal, use], "sealing")
    document["edges"][2:] = [
        {"from": "seal", "to": "end", "condition": "data.kept | length < 900"},
        {"from": "seal", "to": "use", "condition": "data.kept | last is endingwith('x')"},
        {"from": "use", "to": "end"},
    ]
    with server.client() as client:
        client.timeout = httpx.Timeout(60)
        for number in range(60):
            secret = {"value": f"of-many-{number}-{number * 7919}"}
            client.put(f"/api/secrets/KEY_{number}", json=secret).raise_for_status()
        create(client, document)
        create(client, chain([], "called"))
        for count, status in ((900, "completed"), (1_001, "failed")):
            given = [f"leaf-{count}-{number}-x" for number in range(count)]
            answer = client.post(
                "/api/workflow/start/sealing", json={"data": {"given": given, "called": "called"}}
            )
            ended = answer.json()
            assert ended["status"] == status, ended
    assert ended["error"]["message"] == "a sensitive field holds more than 1,000 texts and numbers"
    nothing_long(server)


async def test_recovery_lists_and_many_starts_at_once(load: Load) -> None:
    server = load()
    with server.client() as client:
        create(client, chain([{"id": "nap", "type": "call-tool", "toolId": "nap",
                               "inputs": {"seconds": 20}}], "napping"))  # fmt: skip
        create(client, chain(thoughts(3), "thinking"))
    await flood(server, [start_of("napping")] * 400, 40)
    await flood(server, [start_of("thinking", wait=True)] * 600, 60)
    server.kill()
    server.environment["STEPWELL_MAX_CONCURRENT_STEPS"] = "1000"
    server.start()
    with server.client() as client:
        page = client.get("/api/workflow/runs", params={"limit": 100, "status": "running"}).json()
        assert len(page["runs"]) == 100
    until = time.monotonic() + 60  # they are resumed after the requests
    found = "SELECT count(*) FROM events WHERE type = 'AttemptInterrupted'"
    with closing(sqlite3.connect(server.data / "journal.sqlite3")) as journal:
        while (count := journal.execute(found).fetchone()[0]) < 400 and time.monotonic() < until:  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.1)
    assert count == 400
    nothing_long(server)
