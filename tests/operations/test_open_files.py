"""With too few file descriptors for its settings, the server starts, warns, and keeps a reserve."""

import contextlib
import json
import os
import resource
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import httpx

from journal.opening_errors import CannotOpen, FolderUnusable
from tests.harness.processes import run
from tests.harness.server import free_port

LIMIT = 256


def test_few_file_descriptors_are_logged_and_idle_connections_are_closed(tmp_path: Path) -> None:
    port = free_port()
    serve = f"{sys.executable} -m app.cli.main serve --data {tmp_path / 'data'} --port {port}"
    log = tmp_path / "log"
    with log.open("wb") as written:
        server = subprocess.Popen(
            ["/bin/sh", "-c", f"ulimit -n {LIMIT}; exec {serve}"], stdout=written, stderr=written
        )
    address = f"http://127.0.0.1:{port}/readyz"
    try:
        _until_ready(address)
        reported = [json.loads(line) for line in log.read_text().splitlines() if line[:1] == "{"]
        (few,) = [line for line in reported if "open files" in line["event"]]
        assert (few["limit"], few["needed"], few["connections"]) == (LIMIT, 1_428, LIMIT // 2)
        before = len(log.read_text())
        with contextlib.ExitStack() as held:
            for _ in range(LIMIT + 50):
                held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            assert httpx.get(address, timeout=20).status_code == 200
            assert log.read_text()[before:].count("not accepted") <= 1
            shown = run("doctor", "--data", tmp_path / "data", "--json")
        (found,) = [
            item for item in json.loads(shown.stdout)["findings"] if item["what"] == "open files"
        ]
        assert found["level"] == "note"
        assert "128 connections at once instead of 1000" in found["shown"]
    finally:
        server.terminate()
        server.wait(20)


def test_a_database_that_lacks_a_descriptor_is_not_said_to_lack_a_right(tmp_path: Path) -> None:
    failure = sqlite3.OperationalError("unable to open database file")
    failure.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as opened:
        null = opened.enter_context(open(os.devnull))  # noqa: PTH123 - a descriptor
        resource.setrlimit(resource.RLIMIT_NOFILE, (null.fileno() + 1, hard))
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(null.fileno()):  # those before it may be free
            try:
                opened.enter_context(open(os.devnull))  # noqa: PTH123 - a descriptor
            except OSError as none_left:
                folder = str(FolderUnusable(tmp_path, none_left))
                break
        file = str(CannotOpen(tmp_path / "journal.sqlite3", failure))
    for shown in (folder, file):
        assert "raise the limit" in shown
    assert "let the user" in str(CannotOpen(tmp_path / "journal.sqlite3", failure))


def _until_ready(address: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(address).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError("the server is not ready after a minute")
