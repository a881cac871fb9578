"""A server whose disk fails: it reports the fault, loses nothing, and recovers or exits."""

import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from journal import DATABASE, CannotOpen
from tests.conftest import PLUGIN
from tests.harness.server import Server, settled
from tests.harness.small_disk import fill, free, small_disk
from tests.harness.vfs import FULL, IOERR_FSYNC, IOERR_READ

FAILING = PLUGIN.with_name("failing_disk.py")
WAITING = {
    "id": "waiting", "name": "Waiting", "initialStep": "act",
    "steps": [{"id": "act", "type": "request-user-action"}, {"id": "end", "type": "end-flow"}],
    "edges": [{"from": "act", "to": "end"}],
}  # fmt: skip
ANSWER = {"type": "request_user_action", "actionId": "act", "actionValue": "approved"}


class Failing:
    """A server on a disk that fails on request."""

    def __init__(self, folder: Path) -> None:
        self.fault = folder / "fault.json"
        self.server = Server(
            folder / "data",
            PLUGIN,
            STEPWELL_PLUGINS=f"{PLUGIN},{FAILING}",
            STEPWELL_LOG_LEVEL="info",
            FAILING_DISK=str(self.fault),
            FAILING_DISK_FOLDER=str(folder / "data"),
        )

    def fail(self, kind: str, code: int, suffix: str = "-wal") -> None:
        fault = {"kind": kind, "nth": 1, "code": code, "times": None, "suffix": suffix}
        whole = self.fault.with_suffix(".new")
        whole.write_text(json.dumps(fault))
        whole.rename(self.fault)
        time.sleep(0.1)

    def mend(self) -> None:
        self.fault.unlink()
        time.sleep(0.1)


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[Failing]:
    made = Failing(tmp_path)
    with made.server:
        yield made


def start_some(client: httpx.Client, count: int = 10) -> list[str]:
    client.post("/api/workflows", json=WAITING)
    return [client.post("/api/workflow/start/waiting").json()["runId"] for _ in range(count)]


def check_kept(client: httpx.Client, runs: list[str]) -> None:
    for run_id in runs:
        assert client.post(f"/api/workflow/resume/{run_id}", json=ANSWER).status_code == 200
        assert settled(client, run_id)["status"] == "completed"


def test_a_failed_flush_ends_the_server_and_the_next_start_has_everything(failing: Failing) -> None:
    server = failing.server
    with server.client() as client:
        kept = start_some(client)
        failing.fail("sync", IOERR_FSYNC)
        refused = client.post("/api/workflow/start-async/waiting")
        ready, healthy = client.get("/readyz"), client.get("/healthz")
        again = client.post(f"/api/workflow/resume/{kept[0]}", json=ANSWER)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert "the disk failed to flush" in refused.json()["message"]
    assert (ready.status_code, healthy.status_code, again.status_code) == (503, 200, 503)
    assert ready.json() == {
        "ready": False,
        "reason": "the journal cannot write: the disk failed to flush",
    }
    assert server.process is not None
    assert server.process.wait(60) == os.EX_IOERR
    log = server.log.read_text()
    assert "a flush failed, so this process ends" in log
    assert f'"sqlite": "{sqlite3.sqlite_version}"' in log
    failing.mend()
    server.start()
    with server.client() as client:
        check_kept(client, kept)


def test_a_server_recovers_from_a_full_disk_without_a_request(failing: Failing) -> None:
    server = failing.server
    with server.client() as client:
        kept = start_some(client)
        failing.fail("write", FULL)
        refused = client.post("/api/workflow/start-async/waiting")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert "full" in refused.json()["message"]
        time.sleep(1.5)
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert "full" in ready.json()["reason"]
        assert client.get("/healthz").status_code == 200
        assert client.get(f"/api/workflow/status/{kept[0]}").json()["status"] == "paused"
        failing.mend()
        wait_until_ready(client)
        assert client.post("/api/workflow/start-async/waiting").status_code == 200
        check_kept(client, kept)
    assert server.process is not None
    assert server.process.poll() is None
    log = server.log.read_text()
    assert log.count("the journal cannot write, trying again") == 1
    assert log.count("the journal writes again") == 1


def wait_until_ready(client: httpx.Client) -> None:
    until = time.monotonic() + 60
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_server_that_cannot_read_is_not_ready_until_it_can(failing: Failing) -> None:
    with failing.server.client() as client:
        kept = start_some(client, 300)
        failing.fail("read", IOERR_READ, DATABASE)
        assert client.get("/api/workflow/runs").status_code == 503
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert ready.json()["reason"] == "the journal cannot be read: disk I/O error"
        failing.mend()
        wait_until_ready(client)
        check_kept(client, kept[:3])


def test_a_server_recovers_from_a_full_disk_once_there_is_room(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with small_disk(data, "16m"), Server(data, PLUGIN) as server, server.client() as client:
        kept = start_some(client)
        fill(data / "ballast")
        refused = [start_large(client) for _ in range(3)]
        assert {answer.status_code for answer in refused} == {503}, "the fault did not fire"
        assert "full" in refused[0].json()["message"]
        assert client.get("/readyz").status_code == 503
        files = {"attachment": ("a.txt", b"x" * 50_000, "text/plain")}
        upload = client.post("/api/workflow/start-async/waiting", files=files, data={"data": "{}"})
        assert (upload.status_code, upload.headers["retry-after"]) == (503, "1"), upload.text
        assert client.get(f"/api/workflow/status/{kept[0]}").json()["status"] == "paused"
        others = [client.post("/api/workflow/start/waiting", json={"data": {}}) for _ in range(40)]
        assert {answer.status_code for answer in others} == {503}
        assert all("full" in answer.json()["message"] for answer in others)
        assert server.log.read_text().count("run lost") < len(others) / 2, "one line for many"
        free(data / "ballast")
        wait_until_ready(client)
        assert start_large(client).status_code == 200
        check_kept(client, kept)


def start_large(client: httpx.Client) -> Any:
    return client.post("/api/workflow/start-async/waiting", json={"data": {"text": "x" * 200_000}})


def test_a_read_only_disk_stops_the_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with small_disk(data, "4m"), Server(data, PLUGIN) as server, server.client() as client:
        kept = start_some(client)
        server.kill()
        subprocess.run(["mount", "-o", "remount,ro", data], check=True)
        with pytest.raises(AssertionError, match="Read-only file system"):
            server.start()
        assert server.process is not None
        assert server.process.wait() == 1
        subprocess.run(["mount", "-o", "remount,rw", data], check=True)
        server.start()
        check_kept(client, kept)


def test_a_disk_without_room_for_the_wal_index_is_named(tmp_path: Path) -> None:
    failure = sqlite3.OperationalError("disk I/O error")
    failure.sqlite_errorcode = 4874  # SQLITE_IOERR_SHMSIZE
    full = Path("/proc") / DATABASE  # a folder that never has room
    assert "make room on the disk" in str(CannotOpen(full, failure))
    assert "the system's log" in str(CannotOpen(tmp_path / DATABASE, failure))
