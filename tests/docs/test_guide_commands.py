"""The commands of the README, the tutorials and how-to pages, run in order on one server."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.processes import bin_folder
from tests.harness.server import Server

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PLUGIN = ROOT / "tests" / "harness" / "plugin.py"
PAGES = [DOCS / "tutorials" / "code.md", *sorted((DOCS / "how-to").glob("*.md"))]
SHOWN = {
    "code": "{'bought': 'a desk'}",
    "handle-failures": "TooExpensive in check: 250 is more than 100",
    "ask-a-person": '"paid": true',
    "run-on-a-schedule": "Europe/Berlin",
    "receive-a-webhook": "pull-requests",
    "wait-for-another-system": "the door",
    "work-through-a-list": '"done": 2,',
    "test-a-workflow": "Hello, Ada!",
}
"""What a page's commands print."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("guide") / "data", PLUGIN) as running:
        yield running


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_work(page: Path, server: Server, tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    script = "\n".join(blocks).replace("http://127.0.0.1:8080", server.address)
    environment = {
        **os.environ,
        "PATH": f"{bin_folder()}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "STEPWELL_URL": server.address,
        "STEPWELL_KEY": server.key(tenant="default"),
    }
    assert SHOWN.get(page.stem, "") in printed(script, tmp_path, environment)


def test_a_newcomer_makes_a_key_and_runs_a_first_workflow(server: Server, tmp_path: Path) -> None:
    """The README and the index of the how-to pages, in a checkout where `make run` is running."""
    made = re.findall(r"```text\n(.*?)```", (DOCS / "how-to" / "README.md").read_text(), re.DOTALL)
    made.append(f'curl -sf {server.address}/api/keys -H "x-api-key: $STEPWELL_KEY" '
                '-H "x-tenant-id: default" >/dev/null')  # fmt: skip
    first = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    served = [text for text in first if not re.match(r"make|\.venv/bin/stepwell dev", text)]
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (tmp_path / "data").symlink_to(server.data)
    ended = 'stepwell status "$RUN_ID" --watch --json'
    script = "\n".join([*made, *served, ended]).replace("http://127.0.0.1:8080", server.address)
    environment = {**os.environ, "STEPWELL_URL": server.address}
    assert printed(script, tmp_path, environment).count("Hello, Ada!") >= 4


def printed(script: str, folder: Path, environment: dict[str, str]) -> str:
    """Run a script in a folder and return what it prints."""
    shown = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stdout + shown.stderr
    return shown.stdout
