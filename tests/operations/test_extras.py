"""A server without optional packages starts, and names the missing one where it is needed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PLUGIN
from tests.harness.processes import STEPWELL
from tests.harness.server import Server, settled

BARE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {
            "anthropic", "boto3", "botocore", "mcp", "mcp_types", "olefile", "openai",
            "opentelemetry", "pypdfium2", "python_calamine", "uvloop",
        }:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a search path without the packages of any extra."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "sitecustomize.py").write_text(BARE)
    return str(folder)


@pytest.fixture(scope="module")
def server(without: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    models = {
        "gpt": {"provider": "openai", "model": "m"},
        "claude": {"provider": "anthropic", "model": "m"},
    }
    running = Server(
        tmp_path_factory.mktemp("data") / "data", PLUGIN,
        PYTHONPATH=without, STEPWELL_MODELS=json.dumps(models),
    )  # fmt: skip
    running.installed = True
    with running:
        yield running


def test_the_server_starts_and_names_the_extra_that_a_step_or_client_needs(server: Server) -> None:
    with server.client() as client:
        for model in ("gpt", "claude"):
            steps = [{"id": "ask", "type": "call-llm", "prompt": "?", "model": model},
                     {"id": "end", "type": "end-flow"}]  # fmt: skip
            flow = {
                "name": model,
                "initialStep": "ask",
                "steps": steps,
                "edges": [{"from": "ask", "to": "end"}],
            }
            assert client.post("/api/workflows", json=flow).status_code == 201
            run_id = client.post(f"/api/workflow/start-async/{model}", json={}).json()["runId"]
            error = settled(client, run_id)["error"]
            assert "asking a model needs the extra llm, which is not installed" in error["message"]
        answer = client.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
        assert answer.status_code == 503
        assert "answering MCP clients needs the extra mcp" in answer.json()["message"]


@pytest.mark.parametrize(("setting", "value", "extra"), [
    ("STORAGE", "s3", "s3"), ("MCP_SERVERS", '{"x": {"url": "http://127.0.0.1:1"}}', "mcp"),
    ("OTLP_ENDPOINT", "http://127.0.0.1:1", "otel"), ("EVENT_LOOP", "uvloop", "uvloop"),
])  # fmt: skip
def test_a_setting_that_needs_an_extra_stops_the_start(
    without: str, tmp_path: Path, setting: str, value: str, extra: str
) -> None:
    environment = {**os.environ, "PYTHONPATH": without, f"STEPWELL_{setting}": value,
                   "STEPWELL_S3_BUCKET": "b"}  # fmt: skip
    shown = subprocess.run(
        [STEPWELL, "serve", "--data", tmp_path / "data", "--port", "0"],
        env=environment, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert shown.returncode == 1
    assert f"install stepwell[{extra}]" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_document_that_needs_an_extra_is_refused_with_its_name(without: str) -> None:
    wanted = {"cpuSeconds": 20, "memoryBytes": 2**30, "maxPages": 9, "maxCharacters": 99,
              "name": "a.pdf", "mediaType": "application/pdf"}  # fmt: skip
    shown = subprocess.run(
        [sys.executable, "-m", "app.tools.extraction", json.dumps(wanted)],
        input=b"%PDF-1.7", env={"PYTHONPATH": without}, capture_output=True, check=True,
    )  # fmt: skip
    failure = json.loads(shown.stdout)["failure"]
    assert failure["type"] == "UnsupportedDocument"
    assert "needs the extra documents" in failure["message"]


@pytest.mark.parametrize("event_loop", [None, "asyncio"])
def test_the_server_uses_uvloop_by_default(tmp_path: Path, event_loop: str | None) -> None:
    setting = {} if event_loop is None else {"STEPWELL_EVENT_LOOP": event_loop}
    with Server(tmp_path / "data", PLUGIN, **setting) as running:
        assert running.process is not None
        maps = Path(f"/proc/{running.process.pid}/maps").read_text()
        assert ("/uvloop/" in maps) == (event_loop is None)
        steps = [{"id": "nap", "type": "call-tool", "toolId": "transform", "inputs": {"a": 1}},
                 {"id": "rest", "type": "wait", "duration": "50ms"}, {"id": "end", "type": "end-flow"}]  # fmt: skip
        edges = [{"from": "nap", "to": "rest"}, {"from": "rest", "to": "end"}]
        flow = {"name": "on-uvloop", "initialStep": "nap", "steps": steps, "edges": edges}
        with running.client() as client:
            client.post("/api/workflows", json=flow).raise_for_status()
            ended = client.post("/api/workflow/start/on-uvloop", json={}).json()
            assert ended["status"] == "completed"
        assert running.terminate() == 0
