"""The benchmark drives, seeds, judges and shows correctly."""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.__main__ import parser
from benchmarks.closed_loop import Call, closed_loop
from benchmarks.definitions import five
from benchmarks.goals import goals
from benchmarks.own.seeding import copy_runs, history, plain_rate
from benchmarks.page import BEGIN, END, NoPlace, put
from benchmarks.plan import Plan
from benchmarks.report import markdown
from benchmarks.rounds import measure_all
from engine import fold
from journal import Journal
from tests.harness.server import Server

ROOT = Path(__file__).parents[2]
SMALL = Plan(
    rounds=1, seconds=0.3, callers=(1, 4), most_runs=500, memory_runs=50, memory_seconds=1,
    in_flight=20, patience_s=30,
)  # fmt: skip


def test_stepwell_is_measured_and_recovers_from_the_kill(tmp_path: Path) -> None:
    found = measure_all(SMALL, ["stepwell"], tmp_path)["stepwell"]
    assert "wrong" not in found
    assert found["loads"][4]["rate"] > 1
    assert found["in_flight"] == 20
    assert 0 < found["recovered_s"] < 30
    assert 500 < found["bytes_per_run"] < 20_000
    assert list(tmp_path.iterdir()) == []


def test_copies_of_a_run_have_verifiable_histories(server: Server) -> None:
    with server.client() as client:
        assert client.post("/api/workflows", json=five()).status_code == 201
        run_id = client.post("/api/workflow/start/five", json={"data": {}}).json()["runId"]
    server.terminate()
    tenant, events = history(server.data, run_id)
    copy_runs(server.data, tenant, events, 2_500)
    assert plain_rate(server.data, 100, 280) > 100

    async def read() -> None:
        journal = await Journal.open(server.data)
        try:
            number = int(run_id.rpartition("-")[2])
            for copy in (number - 2_500, number - 1_000, number - 1):
                head, copied = await journal.events.read(f"dynamic-workflow-{copy}", "acme")
                assert head.seq == len(events)
                assert fold(copied).data == fold(events).data
                assert fold(copied).status == "completed"
        finally:
            await journal.close()

    asyncio.run(read())
    server.start()
    with server.client() as client:
        page = client.get("/api/workflow/runs?limit=100").json()
        assert len(page["runs"]) == 100
        oldest = f"dynamic-workflow-{int(run_id.rpartition('-')[2]) - 2_500}"
        document = client.get(f"/api/workflow/status/{oldest}").json()
        assert document["status"] == "completed"


async def test_a_load_is_bounded_in_count_and_time() -> None:
    calls = 0

    @asynccontextmanager
    async def connect() -> AsyncIterator[Call]:
        async def call() -> None:
            nonlocal calls
            calls += 1
            await asyncio.sleep(0.01)

        yield call

    counted = await closed_loop(connect, 4, 60, 40)
    assert counted.answered == calls == 40
    timed = await closed_loop(connect, 4, 0.2, 1_000_000)
    assert timed.answered < 1_000_000
    assert timed.p50_ms >= 10


async def test_a_request_that_fails_ends_the_load() -> None:
    @asynccontextmanager
    async def connect() -> AsyncIterator[Call]:
        async def call() -> None:
            raise ValueError("refused")

        yield call

    with pytest.raises(ValueError, match="refused"):
        await closed_loop(connect, 4, 60, 1_000)


def test_goals_are_judged_by_the_measurements() -> None:
    def system(title: str, rate: float, p50: float) -> dict[str, object]:
        about = {"title": title, "driven": "HTTP", "durable": "all", "recovers": True}
        load = {"rate": rate, "p50_ms": p50, "p99_ms": 2 * p50, "unfinished": 0}
        return {"about": about, "loads": {"1": load, "64": load}}

    results = {
        "measured": "2026-01-01",
        "machine": {
            "cores": 2, "memory_gb": 24.0, "system": "Linux", "python": "3", "sqlite": "3",
        },
        "plan": asdict(SMALL),
        "is_whole": True,
        "limits": {"commits": 1_000.0, "http_post": 8_000.0, "plain_http_post": 1_900.0},
        "systems": {
            "stepwell": system("Stepwell", 1_000, 2),
            "dbos-sqlite": system("DBOS, SQLite", 25, 20),
            "restate": system("Restate", 200, 3),
            "prefect": system("Prefect", 0, 0),  # no request was answered in time
        },
        "not_measured": {"Temporal": "no server"},
        "stepwell": {"rate_full": 89.0, "rate_empty": 100.0, "events": 1_000},
    }  # fmt: skip
    found = {goal.what: goal for goal in goals(json.loads(json.dumps(results)))}
    assert found["runs/s at 64 callers, ordinary tools, against DBOS on SQLite"].met is True
    assert found["runs/s at 64 callers, ordinary tools, against Restate"].met is False
    assert found["p50 at 1 caller, ordinary tools, against DBOS on SQLite"].met is True
    assert found["p50 at 1 caller, ordinary tools, against Restate"].met is False
    tail = found["p99 at 64 callers, ordinary tools, below each peer's p50"]
    assert (tail.met, tail.found) == (False, "4 ms; lowest peer 3 ms (Restate)")
    assert found["runs/s with 1,000 events in the journal, against none"].met is False
    assert found["memory idle"].met is None
    empty = "runs/s at 64 callers, ordinary tools, against POSTs of an empty handler on"
    assert found[f"{empty} h11 and asyncio"].found == "0.53 (1,000 and 1,900 a second)"
    assert found[f"{empty} httptools and uvloop"].met is False
    text = markdown(results)
    assert "| Stepwell | HTTP |" in text
    assert "on uvicorn as it comes (h11, asyncio) | 1,900 |" in text
    assert "- Temporal: not measured; no server." in text


def test_figures_are_written_between_the_marks_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    put(page, "| new |\n")
    assert page.read_text() == f"before\n{BEGIN}\n\n| new |\n\n{END}\nafter\n"
    page.write_text("no marks\n")
    with pytest.raises(NoPlace):
        put(page, "| new |\n")


def test_the_page_of_this_project_has_the_marks() -> None:
    text = (ROOT / "docs" / "performance.md").read_text()
    assert text.count(BEGIN) == text.count(END) == 1


def test_the_page_names_existing_commands_and_options() -> None:
    text = (ROOT / "docs" / "performance.md").read_text()
    targets = set(re.findall(r"make (bench[a-z-]*)", text))
    assert targets == {"bench", "bench-quick"}
    shown = subprocess.run(
        ["make", "-n", *targets], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, shown.stderr
    assert "-m benchmarks --quick" in shown.stdout
    options = [a or b for a, b in re.findall(r'BENCH=(?:"([^"]+)"|(--[^\s`]+))', text)]
    assert len(options) == text.count("BENCH=") > 0
    for option in options:
        assert parser().parse_args(option.split())
