"""The documents of `examples/patterns`, with a kill -9 in the middle of each."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import PLUGIN
from tests.harness.counting import Counting
from tests.harness.server import Server, settled

PATTERNS = Path(__file__).parents[2] / "examples" / "patterns"
APPROVED = {"type": "request_user_action", "actionId": "ask", "actionValue": "approved"}


@pytest.fixture(scope="module")
def other() -> Iterator[Counting]:
    with Counting() as counting:
        yield counting


@pytest.fixture(scope="module")
def patterns(tmp_path_factory: pytest.TempPathFactory, other: Counting) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("patterns") / "data", PLUGIN) as server:
        with server.client() as client:
            client.put("/api/secrets/PATTERNS_URL", json={"value": other.address})
            for file in sorted(PATTERNS.glob("*.json")):
                document = {**json.loads(file.read_text()), "id": file.stem}
                made = client.post("/api/workflows", json=document)
                assert made.status_code == 201, made.text
        yield server


def start(client: httpx.Client, pattern: str, **data: Any) -> str:
    answer = client.post(f"/api/workflow/start-async/{pattern}", json={"data": data})
    return str(answer.json()["runId"])


def branches(client: httpx.Client, run_id: str, count: int) -> list[Any]:
    """Wait until so many child runs exist; return them as the list shows them, by item."""
    until = time.monotonic() + 60
    while True:
        page = client.get("/api/workflow/runs", params={"parentRunId": run_id}).json()
        if len(page["runs"]) == count:
            return sorted(page["runs"], key=lambda row: row["item"])
        assert time.monotonic() < until, page
        time.sleep(0.02)


def killed(server: Server) -> httpx.Client:
    server.kill()
    server.start()
    return server.client()


def test_fork_and_join(patterns: Server) -> None:
    with patterns.client() as client:
        run_id = start(client, "fork-join", sku="A-7", customer="Ann")
        branches(client, run_id, 3)
    with killed(patterns) as client:
        outcome = settled(client, run_id)
        assert (outcome["status"], outcome["result"]) == ("completed", {"sell": True})
        shown = [
            client.get(f"/api/workflow/status/{row['runId']}").json()
            for row in branches(client, run_id, 3)
        ]
        assert [run.get("body") for run in shown] == [
            "ask-all/stock",
            "#credit",
            "ask-all/cooling-off",
        ]
        assert {run["status"] for run in shown} == {"completed"}
        assert {run["version"] for run in shown} == {"1.0.0"}


def test_a_race_whose_loser_has_cleaned_up_before_the_run_goes_on(
    patterns: Server, other: Counting
) -> None:
    with patterns.client() as client:
        run_id = start(client, "race")
        branches(client, run_id, 2)
    with killed(patterns) as client:
        outcome = settled(client, run_id)
        assert outcome["result"] == {"winner": "near", "stopped": ["far"]}
        _, far = branches(client, run_id, 2)
        loser = client.get(f"/api/workflow/status/{far['runId']}").json()
        assert loser["status"] == "cancelled"
        assert [step["stepId"] for step in loser["stepExecutionHistory"]] == ["reserve", "release"]
        assert any(f"{far['runId']}:release" in key for key in other.requests)
        assert loser["endTime"] <= outcome["stepExecutionHistory"][0]["endTime"]


@pytest.mark.parametrize(
    ("values", "result"),
    [
        (["approved", "rejected", "approved"], {"accepted": True, "votes": 2}),
        (["approved", "approved"], {"accepted": True, "votes": 2}),
        (["rejected", "rejected"], {"accepted": False}),
    ],
)
def test_a_quorum(patterns: Server, values: list[str], result: dict[str, Any]) -> None:
    with patterns.client() as client:
        run_id = start(client, "quorum")
        people = [row["runId"] for row in branches(client, run_id, 3)]
        first = {**APPROVED, "actionValue": values[0]}
        settled(client, people[0], "paused")
        assert client.post(f"/api/workflow/resume/{people[0]}", json=first).status_code == 200
    with killed(patterns) as client:
        for person, value in zip(people[1:], values[1:], strict=False):
            settled(client, person, "paused")
            answer = {**APPROVED, "actionValue": value}
            told = client.post(f"/api/workflow/resume/{person}", json=answer)
            assert told.status_code == 200, told.text
        outcome = settled(client, run_id, "completed", "failed")
        assert outcome["result"].items() >= result.items()
        if not result["accepted"]:
            why = outcome["result"]["why"]
            assert why.startswith(
                "2 of 3 were to complete, and 2 have failed (item 0: EndedAsFailed: Ann"
            )
        ends = [settled(client, person, "completed", "failed", "cancelled") for person in people]
        assert [end["status"] for end in ends[len(values) :]] == ["cancelled"] * (3 - len(values))
