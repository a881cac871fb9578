"""The commands of the tutorials and how-to pages, run in order on one server."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "STEPWELL_URL": server.address,
        "STEPWELL_KEY": server.key(tenant="default"),
    }
    shown = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert SHOWN.get(page.stem, "") in shown.stdout
