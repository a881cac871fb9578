"""The ASGI application behaves the same for clients under another ASGI server."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.harness.event_reader import Reader
from tests.harness.processes import command
from tests.harness.server import TRUST, free_port

PLUGIN = Path(__file__).parents[1] / "harness" / "plugin.py"
ASK = {
    "id": "ask", "name": "ask", "initialStep": "ask",
    "steps": [
        {"id": "ask", "type": "collect-inputs", "output": {"name": {"type": "string"}}},
        {"id": "end", "type": "end-flow"},
    ],
    "edges": [{"from": "ask", "to": "end"}],
}  # fmt: skip
NAP = {
    "id": "nap", "name": "nap", "initialStep": "nap",
    "steps": [{"id": "nap", "type": "wait", "duration": "1h"}, {"id": "end", "type": "end-flow"}],
    "edges": [{"from": "nap", "to": "end"}],
}  # fmt: skip
TAKE = {
    "id": "take", "name": "take", "initialStep": "end",
    "payload": {"paper": {"type": "file"}},
    "steps": [{"id": "end", "type": "end-flow"}],
}  # fmt: skip
METRICS = "figures-for-the-tests"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with served("hypercorn", tmp_path_factory.mktemp("other") / "data") as made:
        yield made


@contextmanager
def served(server: str, data: Path, *, streams_at_stop: bool = False) -> Iterator[httpx.Client]:
    """Serve with another server, which a signal stops at the end."""
    place = ("--data", data, "--tenant", "acme", "--role", "owner")
    key = command("key", "create", *place)["key"]
    port = free_port()
    address = f"127.0.0.1:{port}"
    listening = {
        "hypercorn": ("--workers", "0", "--bind", address),
        "uvicorn": ("--port", str(port)),
    }[server]
    log = data.parent / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", server, *listening, "app.asgi:app"],
            stdout=out, stderr=out, cwd=data.parent,
            env={**os.environ, "STEPWELL_DATA": str(data), "STEPWELL_PLUGINS": str(PLUGIN),
                 "STEPWELL_METRICS_TOKEN": METRICS},
        )  # fmt: skip
    headers = {"x-api-key": key, "x-tenant-id": "acme"}
    with httpx.Client(
        base_url=f"http://{address}", headers=headers, timeout=60, verify=TRUST
    ) as made:
        try:
            _until(lambda: _answers(made, process, log))
            for document in (ASK, NAP, TAKE):
                assert made.post("/api/workflows", json=document).status_code == 201
            yield made
            if streams_at_stop:
                with made.stream("GET", "/api/workflow/events") as stream:
                    process.send_signal(signal.SIGTERM)
                    stream.read()
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) in (0, -signal.SIGTERM)  # as the server has it
            reported = log.read_text()
            assert "server stopping" in reported
            assert "Traceback" not in reported
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("server", ["hypercorn", "uvicorn"])
def test_a_stop_does_not_wait_for_the_end_of_streams(server: str, tmp_path: Path) -> None:
    with served(server, tmp_path / "data", streams_at_stop=True) as client:
        assert client.get("/readyz").status_code == 200


def _answers(client: httpx.Client, process: "subprocess.Popen[bytes]", log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_start_pause_stream_and_resume(client: httpx.Client) -> None:
    paused = client.post("/api/workflow/start/ask", json={})
    assert (paused.status_code, paused.json()["status"]) == (200, "paused")
    run_id = paused.json()["runId"]
    reader = Reader()
    seen: list[str] = []
    with client.stream("GET", f"/api/workflow/events/{run_id}") as stream:
        for event in reader.events(stream.iter_lines()):
            if event.event == "run.paused":
                answer = {"type": "collect_inputs", "data": {"name": "Ada"}}
                reported = client.post(f"/api/workflow/resume/{run_id}", json=answer)
                assert reported.status_code == 200, reported.text
            seen.append(event.event)
    assert seen[0] == "run.started"
    assert seen[-1] == "run.completed"
    status = client.get(f"/api/workflow/status/{run_id}").json()
    assert (status["status"], status["data"]) == ("completed", {"name": "Ada"})
    assert status["stepExecutionHistory"][0]["status"] == "completed"


def test_an_upload_is_stored_and_returned(client: httpx.Client) -> None:
    started = client.post("/api/workflow/start/take", files={"paper": ("a.txt", b"hello")})
    assert started.status_code == 200, started.text
    assert client.get(f"/api/workflow/files/{started.json()['data']['paper']}").content == b"hello"


def test_a_start_waits_no_longer_than_its_client(client: httpx.Client) -> None:
    late = client.post("/api/workflow/start/nap", json={}, headers={"prefer": "wait=0"})
    assert (late.status_code, late.json()["status"]) == (202, "running")
    with pytest.raises(httpx.ReadTimeout):
        client.post("/api/workflow/start/nap", json={}, timeout=0.5)
    _until(lambda: "stepwell_requests_in_flight 1.0" in _metrics(client))
    assert len(client.get("/api/workflow/runs?workflowId=nap").json()["runs"]) == 2


def test_invalid_requests_get_the_usual_errors(client: httpx.Client) -> None:
    assert client.post("/api/workflow/start/ask", content=b"{").status_code == 415
    wrong = client.post(
        "/api/workflow/start/ask", content=b"{", headers={"content-type": "application/json"}
    )
    assert wrong.status_code == 400
    assert client.get("/nowhere").status_code == 404
    assert client.delete("/healthz").headers["allow"] == "GET, HEAD"
    assert httpx.get(f"{client.base_url}/api/workflows", verify=TRUST).status_code == 401


def _metrics(client: httpx.Client) -> str:
    return client.get("/metrics", headers={"authorization": f"Bearer {METRICS}"}).text
