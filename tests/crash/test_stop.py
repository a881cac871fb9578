"""Graceful stops, and one process per folder."""

import asyncio
import signal
import socket
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import uvicorn

from app.operator.service_manager import ServiceManager
from app.server import _Server
from app.web.connection_pool import ConnectionPool
from tests.conftest import PLUGIN
from tests.harness.processes import run
from tests.harness.server import Server, settled

SLEEPY = {
    "id": "sleepy", "name": "Sleepy", "initialStep": "nap",
    "steps": [
        {"id": "nap", "type": "call-tool", "toolId": "sleep", "inputs": {"seconds": 0.6}},
        {"id": "end", "type": "end-flow"},
    ],
    "edges": [{"from": "nap", "to": "end"}],
}  # fmt: skip


def test_a_stop_lets_the_running_step_finish_and_answers_waiting_requests(server: Server) -> None:
    answers: list[Any] = []
    with server.client() as client:
        client.post("/api/workflows", json=SLEEPY)

        def ask() -> None:
            answers.append(client.post("/api/workflow/start/sleepy"))

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(0.2)
        assert server.terminate() == 0
        asking.join()
        assert answers[0].status_code == 202
        server.start()
        document = settled(client, answers[0].json()["runId"])
    assert document["status"] == "completed"
    assert "attempt" not in document["stepExecutionHistory"][0]


def test_a_stop_answers_a_request_that_does_not_end(tmp_path: Path) -> None:
    with Server(tmp_path / "data", PLUGIN, STEPWELL_SHUTDOWN_GRACE="0") as server:
        head = f"x-api-key: {server.key()}\r\nx-tenant-id: acme\r\nContent-Length: 9\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.port)) as waiting:
            waiting.sendall(f"POST /api/workflows HTTP/1.1\r\nHost: x\r\n{head}{{".encode())
            with server.client() as client:
                assert client.get("/healthz").status_code == 200
            assert server.terminate() == 0
            answer = waiting.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"the server is stopping" in answer
        assert "Traceback" not in server.log.read_text()


async def test_a_signal_handler_does_not_touch_the_loops_timers() -> None:
    """The handler may run between any two lines, even while the loop sorts its timers."""
    stopping: list[None] = []
    with closing(socket.socket()) as listening:
        server = _Server(
            uvicorn.Config("none"),
            listening,
            ConnectionPool(1),
            lambda: stopping.append(None),
            ServiceManager(),
        )
        with server.capture_signals():
            signal.raise_signal(signal.SIGTERM)
            assert (server.should_exit, stopping) == (True, [])
            await asyncio.sleep(0)
    assert stopping == [None]


def test_a_second_server_on_a_folder_names_the_first(server: Server) -> None:
    assert server.process is not None
    second = run("serve", "--data", server.data, "--port", "0")
    assert second.returncode == 1
    assert str(server.process.pid) in second.stderr


def test_a_lost_database_is_not_replaced_by_an_empty_one(server: Server) -> None:
    server.kill()
    database = server.data / "journal.sqlite3"
    database.write_bytes(b"")
    started = run("serve", "--data", server.data, "--port", "0")
    assert started.returncode == 1
    assert "restore it from a backup" in started.stderr
    assert database.read_bytes() == b""
