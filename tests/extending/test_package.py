"""The example package, installed and used by a real server that is killed during runs."""

import json
import re
import runpy
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.conftest import PLUGIN
from tests.extending.conftest import PACKAGE
from tests.harness.processes import STEPWELL
from tests.harness.server import Server, settled

Carrier: Any = runpy.run_path(str(PACKAGE / "tests" / "carrier.py"))["Carrier"]
WORKFLOW = json.loads((PACKAGE / "workflow.json").read_text())
PARCELS = [{"address": f"street {number}", "grams": 100 + number} for number in range(8)]


def answer(client: Any, run_id: str, **more: Any) -> Any:
    body = {"type": "request_user_action", "actionId": "ship", **more}
    return client.post(f"/api/workflow/resume/{run_id}", json=body)


def kill_when(server: Server, carrier: Any, requests: int) -> None:
    """Kill -9 the server when the carrier has had this many requests, and start it again."""
    until = time.monotonic() + 60
    while len(carrier.requests) < requests:
        assert time.monotonic() < until, carrier.requests
        time.sleep(0.005)
    server.kill()
    server.start()


def test_its_step_type_and_tool_continue_after_kills(target: Path, tmp_path: Path) -> None:
    with Carrier(delay_s=0.3) as carrier:
        given = {"PYTHONPATH": str(target), "CARRIER_URL": carrier.address}
        with Server(tmp_path / "data", PLUGIN, **given) as server:
            with server.client() as client:
                assert client.post("/api/workflows", json=WORKFLOW).status_code == 201
                tools = {tool["id"]: tool for tool in client.get("/api/tools").json()["tools"]}
                assert set(tools["book-parcel"]["inputSchema"]["properties"]) == {
                    "address",
                    "grams",
                }
                body = {"data": {"order": "A1", "parcels": PARCELS}}
                run_id = client.post("/api/workflow/start-async/ship-order", json=body).json()[
                    "runId"
                ]
            kill_when(server, carrier, 3)
            assert len(carrier.requests) < len(PARCELS), "the kill met the bookings at work"
            with server.client() as client:
                signal = settled(client, run_id, "paused")["pauseSignal"]
                assert signal["message"] == "Parcels of order A1"
                numbers = [booking["tracking"] for booking in signal["bookings"]]
                assert numbers == [f"street {number}-{number + 1}" for number in range(8)]
                assert sum(carrier.requests.values()) <= len(PARCELS) + 1, "only the one in flight"
                refused = answer(client, run_id, actionValue="lost-label", data={"index": 8})
                assert (refused.status_code, refused.json()["details"][0]["path"]) == (
                    400,
                    "data.index",
                )
                assert answer(
                    client, run_id, actionValue="lost-label", data={"index": 5}
                ).is_success
            kill_when(server, carrier, 9)
            with server.client() as client:
                signal = settled(client, run_id, "paused")["pauseSignal"]
                assert signal["bookings"][5] == {"tracking": "street 5-9"}
                assert answer(client, run_id, actionValue="handed-over").is_success
            kill_when(server, carrier, 10)
            with server.client() as client:
                document = settled(client, run_id, "completed")
    numbers[5] = "street 5-9"
    assert document["result"] == {"tracking": numbers, "receipt": "Archive-10"}
    repeats = sum(carrier.requests.values()) - len(carrier.requests)
    print(f"3 kills, {len(carrier.requests)} bookings, {repeats} of them asked for twice")
    assert len(carrier.requests) == 10
    assert 1 <= repeats <= 3, "a kill met a booking in flight, and that alone is asked for again"


def test_the_commands_of_its_page_work(target: Path, tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    assert blocks[0].startswith(".venv/bin/pip install "), "done by the fixture"
    script = "\n".join(blocks[1:])
    script = script.replace(".venv/bin/stepwell", STEPWELL)
    script = script.replace(
        ".venv/bin/pytest", f"{sys.executable} -m pytest -q -p no:cacheprovider"
    )
    shown = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=PACKAGE.parents[1], capture_output=True, text=True,
        check=False, env={"PYTHONPATH": str(target), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "workflow.json: OK" in shown.stdout
    assert " passed" in shown.stdout
