"""Statistics of a workflow, from real runs with each outcome."""

from datetime import datetime

from tests.harness.server import Server, settled

STEPS = [
    {"id": "sort", "type": "set", "values": {"x": 1}},
    {"id": "ask", "type": "request-user-action", "message": "?"},
    {"id": "no", "type": "end-flow", "status": "failed", "message": "no"},
    {"id": "end", "type": "end-flow"},
    {"id": "each", "type": "parallel", "branches": {"a": {"steps": [{"id": "in", "type": "set", "values": {"y": 1}}]}}},
]  # fmt: skip
EDGES = [
    {"from": "sort", "to": "ask", "condition": "data.way == 'ask'"}, {"from": "sort", "to": "no", "condition": "data.way == 'no'"},
    {"from": "sort", "to": "each"}, {"from": "each", "to": "end"}, {"from": "ask", "to": "end"},
]  # fmt: skip


def test_statistics_count_runs_by_outcome(shared: Server) -> None:
    with shared.client("owner", "statistics") as client:
        document = {
            "id": "fares",
            "name": "Fares",
            "initialStep": "sort",
            "steps": STEPS,
            "edges": EDGES,
        }
        client.post("/api/workflows", json=document).raise_for_status()
        assert client.get("/api/workflow/statistics/fares").json()["successRate"] is None
        for way in ("ask", "ask", "no", "end", "end", "end"):
            answer = client.post("/api/workflow/start/fares", json={"data": {"way": way}})
            settled(client, answer.json()["runId"])
        reported = client.get("/api/workflow/statistics/fares", params={"period": "24h"}).json()
        assert reported["runs"] == {"completed": 3, "failed": 1, "cancelled": 0, "terminated": 0}
        assert reported["successRate"] == 0.75
        runs = client.get(
            "/api/workflow/runs", params={"status": "completed", "topLevel": "true"}
        ).json()["runs"]
        took = sorted(_took_ms(line) for line in runs)
        assert (reported["medianDuration"], reported["p95Duration"]) == (took[1], took[2])
        steps = {one["stepId"]: (one["here"], one["failed"]) for one in reported["steps"]}
        assert steps == {"ask": (2, 0), "no": (0, 1)}
        assert client.get("/api/workflow/statistics/nobody").status_code == 404


def _took_ms(line: dict[str, str]) -> int:
    began, ended = (datetime.fromisoformat(line[name]) for name in ("startTime", "endTime"))
    return round((ended - began).total_seconds() * 1_000)
