"""Search of runs by words of their input data, without sensitive values."""

import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.harness.journal_access import read_journal
from tests.harness.server import Server, settled

CLAIM: dict[str, Any] = {
    "id": "claim", "name": "Claim", "title": "Claim {{ data.number }}",
    "payload": {"number": {"type": "integer"}},
    "steps": [
        {"id": "keep", "type": "set", "values": {"a": "1"},
         "output": {"pin": {"type": "string", "value": "set", "sensitive": True}}},
        {"id": "end", "type": "end-flow"},
    ],
    "edges": [{"from": "keep", "to": "end"}],
}  # fmt: skip
GIVEN: dict[str, Any] = {
    "number": 41, "pin": "hunter2secret", "done": True, "notes": "y" * 70 + " Brücke, Fährweg_9",
    "customer": {"name": "Frau Ödegård", "lines": [{"sku": "QX-77"}, {"price": 12.5}]},
}  # fmt: skip


def found(client: httpx.Client, text: str) -> list[str]:
    answer = client.get("/api/workflow/runs", params={"text": text})
    assert answer.status_code == 200, answer.text
    return [line["runId"] for line in answer.json()["runs"]]


def waits(condition: Callable[[], bool], within_s: float = 30) -> None:
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def kept(server: Server) -> int:
    with read_journal(server) as journal:
        return int(journal.execute("SELECT count(*) FROM run_inputs").fetchone()[0])


def test_runs_are_found_by_their_input_data(server: Server) -> None:
    """Search the input data; when the setting is off, nothing of it is indexed."""
    with server.client() as client, server.client("viewer", "other") as stranger:
        assert client.post("/api/workflows", json=CLAIM).status_code == 201

        def start(data: dict[str, Any]) -> str:
            answer = client.post("/api/workflow/start/claim", json={"data": data})
            run_id = str(answer.json()["runId"])
            settled(client, run_id, "completed")
            return run_id

        first = start(GIVEN)
        last = start({"number": 42, "rows": [f"w{n}x" for n in range(400)], "late": "omega"})
        waits(lambda: found(client, "w7x") == [last])
        for text in ("odegard", "ÖDEG", "frau qx 77", "fährweg 9", "12.5 bruck", "Claim 41"):
            assert found(client, text) == [first], text
        assert found(client, "claim") == [last, first], "a title is found as ever"
        for text in ("hunter2secret", "true", "customer", "odegard w7x", "y" * 70, "omega"):
            assert found(client, text) == [], text
        assert found(stranger, "odegard") == []
        nothing: dict[str, Any] = {"workflows": [], "agents": [], "runs": [], "more": []}
        assert stranger.get("/api/search", params={"q": "claim"}).json() == nothing
        everything = client.get("/api/search", params={"q": " claim", "limit": 1}).json()
        assert [one["id"] for one in everything["workflows"]] == ["claim"]
        assert [one["runId"] for one in everything["runs"]] == [last]
        assert everything["more"] == ["runs"]
        assert client.get("/api/search", params={"q": ""}).status_code == 400
        named = {"action": "delete", "filter": {"text": "odegard", "runIds": [first, last]}}
        counted = client.post("/api/workflow/management/bulk", json={**named, "dryRun": True})
        assert counted.json()["matched"] == 1, "of runs that are named one by one too"
        assert client.delete(f"/api/workflow/runs/{first}").status_code == 200
        assert found(client, "odegard") == []
        assert kept(server) == 1
        late = start({"number": 43, "customer": "Zephyr"})
        waits(lambda: found(client, "zephyr") == [late])
        server.kill()
        server.environment["STEPWELL_SEARCH_DATA"] = "false"
        server.start()
        waits(lambda: kept(server) == 0)
        assert found(client, "zephyr") == []
        assert found(client, "claim 43") == [late]
        server.kill()
        server.environment["STEPWELL_SEARCH_DATA"] = "true"
        server.start()
        waits(lambda: found(client, "zephyr") == [late])
        assert found(client, "w7x") == [last], "what began before is found again"
