"""`call_rates`: what all runs together may call, and how often."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings.server import SettingsError, load
from tests.conftest import PLUGIN
from tests.contract.test_children import create, straight
from tests.harness.echo import Echo
from tests.harness.server import Server, settled

SPACE_S = 0.1


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    rates = '{"host:127.0.0.1": "10/s", "tool:note": "10/s"}'
    folder = tmp_path_factory.mktemp("limited") / "data"
    with Server(
        folder, PLUGIN, STEPWELL_CALL_RATES=rates, STEPWELL_MAX_CONCURRENT_STEPS="2"
    ) as server:
        yield server


def test_calls_of_all_tenants_are_spaced_and_those_who_wait_hold_up_nobody(
    limited: Server, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    with Echo() as echo, limited.client() as client, limited.client(tenant="other") as other:
        ask = {"id": "ask", "type": "call-api", "method": "POST", "url": f"{echo.address}/200",
               "timeout": "300ms"}  # fmt: skip
        note = {"id": "note", "type": "call-tool", "toolId": "note",
                "inputs": {"file": str(notes), "word": "{{ run.id }}"}}  # fmt: skip
        add = {"id": "add", "type": "call-tool", "toolId": "add", "inputs": {"a": 1}}
        for tenant in (client, other):
            create(tenant, "asks", [ask], straight("ask"))
            create(tenant, "notes", [note], straight("note"))
        create(client, "adds", [add], straight("add"))
        runs = [
            client.post("/api/workflow/start-async/asks", json={}).json()["runId"] for _ in range(8)
        ]
        theirs = other.post("/api/workflow/start-async/asks", json={}).json()["runId"]
        assert client.post("/api/workflow/start/adds", json={}).json()["status"] == "completed"
        assert len(echo.came_s) < 8, (
            "a step that calls nothing with a rate waits for none that does"
        )
        settled(other, theirs, "completed")
        assert len(echo.came_s) < 8, "the tenant that came later does not wait for all of the other"
        for run_id in runs:
            settled(client, run_id, "completed")
        began = sorted(echo.came_s)
        assert all(b - a > 2 * SPACE_S for a, b in zip(began, began[3:], strict=False)), began
        start = time.monotonic()
        for _ in range(4):
            assert client.post("/api/workflow/start/notes", json={}).json()["status"] == "completed"
        assert time.monotonic() - start > 3 * SPACE_S * 0.9


@pytest.mark.parametrize(
    ("rates", "told"),
    [({"127.0.0.1": "10/s"}, "must be host:NAME"), ({"tool:add": "10"}, "such as 10/s")],
)
def test_a_rate_that_is_none_is_refused(rates: dict[str, str], told: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=told):
        load({"data": tmp_path, "call_rates": rates})
