"""The page about the client shows what works."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.processes import STEPWELL
from tests.harness.server import Server

PAGE = Path(__file__).parents[2] / "docs" / "client.md"


@pytest.fixture
def environment(defined: Server) -> dict[str, str]:
    path = f"{Path(STEPWELL).parent}:/usr/bin:/bin"
    return {**os.environ, "PATH": path, "STEPWELL_URL": defined.address,
            "STEPWELL_KEY": defined.key(), "STEPWELL_TENANT": "acme"}  # fmt: skip


def ran(command: list[str], environment: dict[str, str]) -> list[str]:
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done
    return done.stdout.splitlines()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_programs_of_the_page_work(environment: dict[str, str]) -> None:
    threads, tasks = blocks("python")
    shown = ran([sys.executable, "-c", threads], environment)
    assert shown[0] == "completed"
    assert any("run.resumed ask" in line for line in shown)
    assert ran([sys.executable, "-c", tasks], environment)[-1] == "run.cancelled"


def test_the_commands_of_the_page_work(environment: dict[str, str]) -> None:
    (text,) = blocks("sh")
    shown = ran(["bash", "-eu", "-c", text], environment)
    assert shown[0].endswith("paused")
    assert any('"run.cancelled"' in line for line in shown)
    assert "matched=" in shown[-1]
