"""`call_rates`: limits on the rate of calls of all runs together."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.concurrency.call_rates import CallRates
from app.concurrency.fair_queue import FairQueue
from app.settings.server import SettingsError, load
from tests.conftest import PLUGIN
from tests.harness.echo import Echo
from tests.harness.server import Server, settled
from tests.harness.workflows import create, start, straight


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    rates = '{"host:127.0.0.1": "10/s", "tool:note": "1/h"}'
    folder = tmp_path_factory.mktemp("limited") / "data"
    steps = "2"
    with Server(
        folder, PLUGIN, STEPWELL_CALL_RATES=rates, STEPWELL_MAX_CONCURRENT_STEPS=steps
    ) as server:
        yield server


def test_calls_are_spaced_and_waiting_calls_block_no_other_run(
    limited: Server, tmp_path: Path
) -> None:
    with Echo() as echo, limited.client() as client:
        ask = {"id": "ask", "type": "call-api", "method": "POST", "url": f"{echo.address}/200"}
        note = {"id": "note", "type": "call-tool", "toolId": "note", "timeout": "50ms",
                "inputs": {"file": str(tmp_path / "notes"), "word": "w"}}  # fmt: skip
        add = {"id": "add", "type": "call-tool", "toolId": "add", "inputs": {"a": 1}}
        for step in (ask, note, add):
            create(client, f"{step['id']}s", [step], straight(str(step["id"])))
        waiting = [
            client.post("/api/workflow/start-async/notes", json={}).json()["runId"]
            for _ in range(4)
        ]
        assert start(client, "adds")["status"] == "completed", "two turns, and four who wait"
        start(client, "asks")  # the first call loads the HTTP client
        echo.came_s.clear()
        runs = [
            client.post("/api/workflow/start-async/asks", json={}).json()["runId"] for _ in range(6)
        ]
        for run_id in runs:
            settled(client, run_id, "completed")
        came_s = sorted(echo.came_s)
        assert came_s[-1] - came_s[0] > 0.4, "five spaces of a tenth of a second"
        for run_id in waiting:
            shown = client.get(f"/api/workflow/status/{run_id}").json()
            assert shown["status"] == "running", "a wait in line is not counted by the timeout"
            body = {"workflowId": "notes", "runId": run_id, "reason": "no need"}
            client.post("/api/workflow/management/cancel", json=body)
            settled(client, run_id, "cancelled")
        for _ in range(3):
            assert start(client, "adds")["status"] == "completed", "all turns have been given back"
        assert not (tmp_path / "notes").exists()


async def test_tenants_take_turns_in_the_queue() -> None:
    rates, order = CallRates({"tool:x": "100/s"}, FairQueue(4)), list[str]()

    async def call(who: str) -> None:
        await rates.wait("tool:x", who[0], holds_turn=False)
        order.append(who)

    await asyncio.gather(*(call(who) for who in ("a1", "a2", "a3", "b1", "b2")))
    assert order == ["a1", "b1", "a2", "b2", "a3"]
    await rates.wait("tool:other", "a", holds_turn=False)


async def test_the_first_call_after_a_start_waits_too() -> None:
    came = list[str]()
    asyncio.get_running_loop().call_later(0.4, came.append, "0.4 s are over")
    rates = CallRates({"tool:x": "2/s"}, FairQueue(4))  # the process before may just have called
    await rates.wait("tool:x", "a", holds_turn=False)
    assert came == ["0.4 s are over"]


@pytest.mark.parametrize(
    ("rates", "reported"),
    [({"127.0.0.1": "10/s"}, "must be host:NAME"), ({"tool:add": "10"}, "such as 10/s")],
)
def test_an_invalid_rate_is_refused(rates: dict[str, str], reported: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=reported):
        load({"data": tmp_path, "call_rates": rates})
