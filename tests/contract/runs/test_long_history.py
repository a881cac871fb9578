"""The history of a long run is paged; that of other runs is complete."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from app.wire.requests.history_page import MOST_VISITS, HistoryPage
from tests.harness.server import Server, settled

TURNS = 1_100
LOOP = {
    "id": "long-history", "name": "Long history", "initialStep": "next",
    "payload": {"turns": {"type": "integer"}, "i": {"type": "integer", "default": 0}},
    "maxStepExecutions": 2_000,
    "steps": [
        {"id": "next", "type": "call-tool", "toolId": "transform", "inputs": {"i": "{{ data.i + 1 }}"},
         "output": {"i": {"type": "integer", "value": "{{ result.i }}"}}},
        {"id": "end", "type": "end-flow"},
    ],
    "edges": [
        {"from": "next", "to": "next", "condition": "data.i < data.turns"},
        {"from": "next", "to": "end"},
    ],
}  # fmt: skip


def ran(client: httpx.Client, turns: int) -> str:
    client.post("/api/workflows", json=LOOP)
    start = "/api/workflow/start-async/long-history"
    run_id = str(client.post(start, json={"data": {"turns": turns}}).json()["runId"])
    assert settled(client, run_id)["status"] == "completed"
    return run_id


def visits(history: Sequence[dict[str, Any]]) -> list[int]:
    return [entry.get("visit", 1) for entry in history]


def pages(client: httpx.Client, run_id: str, limit: int | None) -> list[list[dict[str, Any]]]:
    """Return the pages of a history, the newest first."""
    found, query = list[list[dict[str, Any]]](), {} if limit is None else {"historyLimit": limit}
    while True:
        answer = client.get(f"/api/workflow/status/{run_id}", params=query).json()
        found.append(answer["stepExecutionHistory"])
        if "historyCursor" not in answer:
            return found
        query["historyCursor"] = answer["historyCursor"]


def test_a_history_of_1000_visits_is_complete_and_a_longer_one_is_paged(shared: Server) -> None:
    with shared.client() as client:
        short, long = ran(client, MOST_VISITS - 1), ran(client, TURNS)
        whole = client.get(f"/api/workflow/status/{short}").json()
        assert len(whole["stepExecutionHistory"]) == MOST_VISITS
        assert "historyCursor" not in whole
        newest, oldest = pages(client, long, None)
        assert visits(newest) == [*range(TURNS + 2 - MOST_VISITS, TURNS + 1), 1]
        assert visits(oldest) == list(range(1, TURNS + 2 - MOST_VISITS))
        asked = [entry for page in reversed(pages(client, long, 250)) for entry in page]
        assert asked == oldest + newest


def test_a_page_that_does_not_exist_is_refused_or_empty(shared: Server) -> None:
    with shared.client() as client:
        path = f"/api/workflow/status/{ran(client, 2)}"
        for name, value in (("historyLimit", 0), ("historyLimit", 1_001), ("historyCursor", "x")):
            refused = client.get(path, params={name: value})
            assert (refused.status_code, name in refused.text) == (400, True)
        empty = client.get(path, params={"historyCursor": 0}).json()
        assert (empty["stepExecutionHistory"], "historyCursor" in empty) == ([], False)


@pytest.mark.parametrize(
    ("page", "visits_in_all", "shown"),
    [
        (HistoryPage(), 1_000, range(1_000)),
        (HistoryPage(), 1_001, range(1, 1_001)),
        (HistoryPage(10, 25), 100, range(15, 25)),
        (HistoryPage(10, 500), 100, range(90, 100)),
        (HistoryPage(10, 4), 100, range(4)),
        (HistoryPage(None), 5_000, range(5_000)),
    ],
)
def test_a_page_shows_these_visits(page: HistoryPage, visits_in_all: int, shown: range) -> None:
    assert page.of(visits_in_all) == shown
