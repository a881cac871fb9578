"""Notifications to systemd, and the answers of the health checks."""

import json
import os
import re
import socket
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest

from tests.harness.processes import run
from tests.harness.server import Server

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "tests" / "harness" / "plugin.py"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(60)
        yield listening


def test_systemd_is_notified_of_readiness_watchdog_and_stop(
    manager: socket.socket, tmp_path: Path
) -> None:
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "500000"}
    with Server(tmp_path / "data", PLUGIN, **environment) as server:
        assert manager.recv(100) == b"READY=1"
        assert [manager.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        assert server.terminate() == 0
        while (last := manager.recv(100)) != b"STOPPING=1":
            assert last == b"WATCHDOG=1"


def unit(path: str) -> ConfigParser:
    text = (ROOT / path).read_text()
    shown = re.search(r"^\[Unit\].*?^WantedBy=.*?$", text, re.MULTILINE | re.DOTALL)
    assert shown is not None
    parsed = ConfigParser(strict=False)  # a unit may name a key twice
    parsed.read_string(shown[0])
    return parsed


@pytest.mark.parametrize("path", ["distribution/debian/stepwell.service", "single-node.md"])
def test_systemd_never_gives_up_on_a_server_that_a_step_ends_again_and_again(path: str) -> None:
    assert unit(path)["Service"]["Restart"] == "always"
    assert unit(path)["Unit"]["StartLimitIntervalSec"] == "0"


def test_readiness_shows_whether_requests_are_accepted(tmp_path: Path) -> None:
    with Server(tmp_path / "data", PLUGIN) as server:
        shown = run("ready", "--url", server.address)
        assert (shown.returncode, shown.stdout) == (0, "ready\n")
        named = os.environ | {"STEPWELL_URL": server.address}
        assert json.loads(run("ready", "--json", environment=named).stdout) == {"ready": True}
        server.kill()
        shown = run("ready", "--url", server.address)
        assert shown.returncode == 1
        assert f"no server answers at {server.address}" in shown.stderr
