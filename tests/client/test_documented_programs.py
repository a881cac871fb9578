"""The programs and commands on the page about the client work as shown."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.conftest import client_for
from tests.harness.processes import bin_folder
from tests.harness.server import Server

PAGE = Path(__file__).parents[2] / "docs" / "client.md"


@pytest.fixture
def environment(defined: Server) -> dict[str, str]:
    path = f"{bin_folder()}:{Path(sys.executable).parent}:/usr/bin:/bin"
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


def test_the_programs_of_the_page_work(
    defined: Server, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name in ("STEPWELL_URL", "STEPWELL_KEY", "STEPWELL_TENANT"):
        monkeypatch.setenv(name, environment[name])
    with client_for(defined) as client:
        client.start("collecting", {}).wait(10)
    shown = []
    for program in blocks("python"):
        exec(compile(program, str(PAGE), "exec"), {"__name__": "__main__"})
        shown.append(capsys.readouterr().out.splitlines())
    threads, tasks, file, answers, many, events, definitions, errors = shown
    assert threads[0] == "completed"
    assert any("run.resumed ask" in line for line in threads)
    assert tasks[-1] == "run.cancelled"
    assert file == ["invoice.txt"]
    assert answers == ["asked for: city"]
    assert many[-2:] == ["1 to cancel", "1 cancelled"]
    assert events[0].endswith(("completed", "failed"))
    assert definitions == ["published 1.0.1", "['Greeting']"]
    assert errors[0] == "400 Invalid input"
    assert "steps" in " ".join(errors)


def test_the_commands_of_the_page_work(environment: dict[str, str]) -> None:
    text = blocks("sh")[0]  # `make client-test` runs the other one, for TypeScript
    shown = ran(["bash", "-eu", "-c", text], environment)
    assert shown[0].endswith("paused")
    assert any('"run.cancelled"' in line for line in shown)
    assert "matched=" in shown[-1]
