"""Commands and servers whose standard streams are full, closed or of another encoding."""

import os
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from app.telemetry.steady_output import steady
from tests.harness.processes import STEPWELL, command, run, start
from tests.harness.server import TRUST, free_port
from tests.harness.small_disk import fill, free, small_disk

FULL = Path("/dev/full")


@pytest.mark.parametrize("asked", ["config", "--help", "key create --help", "--version"])
def test_a_command_says_that_its_output_cannot_be_written(tmp_path: Path, asked: str) -> None:
    said, at_once = tmp_path / "said", os.environ | {"PYTHONUNBUFFERED": "1"}
    with FULL.open("wb") as full, said.open("wb") as error:
        begun = start(*asked.split(), environment=at_once, stdout=full, stderr=error)
        assert begun.wait(60) == 1
    assert said.read_text() == (
        "stepwell: standard output cannot be written: No space left on device\n"
    )


def test_a_server_goes_on_while_nobody_can_read_what_it_says(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{(port := free_port())}/readyz"
    with FULL.open("wb") as full:
        server = start("serve", "--data", tmp_path, "--port", port, stdout=full, stderr=full)
    try:
        with httpx.Client(verify=TRUST) as client:
            until = time.monotonic() + 60
            while server.poll() is None and time.monotonic() < until:
                try:
                    if client.get(address).status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.02)
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
    finally:
        server.kill()


def test_a_line_that_found_no_room_leaves_later_ones_whole(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "64k"), (disk / "log").open("w") as log:
        steadily = steady(log)
        print("first", file=steadily, flush=True)
        fill(disk / "ballast")
        print("x" * 50_000, file=steadily, flush=True)
        print("dropped", file=steadily, flush=True)
        free(disk / "ballast")
        print("last", file=steadily, flush=True)
        lines = (disk / "log").read_text().splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("first", "last", 3)
    assert set(lines[1]) == {"x"}


def test_closed_streams_are_open_on_nothing() -> None:
    command_line = f"exec {STEPWELL} config <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", command_line], check=False).returncode == 0


def test_names_are_shown_in_an_encoding_that_has_not_all_letters(tmp_path: Path) -> None:
    place = ["--data", tmp_path, "--tenant", "acme"]
    command("key", "create", *place, "--role", "viewer", "--name", "Zoë")
    shown = run("key", "list", *place, environment=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "name=Zo\\xeb " in shown.stdout
