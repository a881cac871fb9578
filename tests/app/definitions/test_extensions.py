"""Step types, tools and settings from plug-ins; a broken plug-in stops the start."""

import os
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.harness.processes import run
from tests.harness.server import Server

STEP = """
from steps import Done, StepSettings, StepType

class Settings(StepSettings):
    text: str

class Shout(StepType[Settings]):
    type = "shout"
    settings = Settings
    acts = False

    async def execute(self, settings, step, effects):
        return Done({"shouted": settings.text.upper()})
"""
FLOW = (
    '{"name": "S", "initialStep": "a", "steps": [{"id": "a", "type": "shout", "text": "hi",'
    ' "output": {"shouted": {"type": "string"}}}, {"id": "e", "type": "end-flow",'
    ' "result": {"said": "{{ data.shouted }}"}}], "edges": [{"from": "a", "to": "e"}]}'
)


def stepwell(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return run(*arguments, environment={**os.environ, **environment})


def package(folder: Path, target: str) -> str:
    """Lay out an installed package that provides `target` as a step type."""
    (folder / "shouting.py").write_text(STEP)
    info = folder / "shouting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[stepwell.steps]\nshout = {target}\n")
    return str(folder)


def test_a_step_type_is_loaded_by_entry_point(tmp_path: Path) -> None:
    (tmp_path / "flow.json").write_text(FLOW)
    path = package(tmp_path, "shouting:Shout")
    shown = stepwell("run", tmp_path / "flow.json", PYTHONPATH=path)
    assert '"said": "HI"' in shown.stdout, shown.stderr


def test_a_broken_entry_point_is_named(tmp_path: Path) -> None:
    path = package(tmp_path, "shouting:Whisper")
    shown = stepwell("check", tmp_path / "flow.json", PYTHONPATH=path)
    assert (shown.returncode, "shouting:Whisper" in shown.stderr) == (1, True)


@pytest.mark.parametrize(
    ("source", "reported"),
    [
        ("import nowhere", "No module named 'nowhere'"),
        ("from steps import tool\n@tool\ndef f(*a: int) -> None: ...", "must be named"),
        (
            "from steps import tool\n@tool\ndef f() -> None: ...\n@tool(id='f')\ndef g() -> None: ...",
            "'f'",
        ),
        ("from steps import tool\n@tool\ndef f(a: 'Nope') -> None: ...", "Nope"),
    ],
)
def test_a_broken_plug_in_stops_the_start(tmp_path: Path, source: str, reported: str) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text(source)
    place = ["--data", tmp_path / "data", "--port", "0"]
    shown = stepwell("serve", *place, STEPWELL_PLUGINS=str(plugin))
    assert (shown.returncode, reported in shown.stderr) == (1, True), shown.stderr


def test_browsers_may_call_only_from_configured_origins(server: Server) -> None:
    server.kill()
    server.environment["STEPWELL_CORS_ORIGINS"] = "https://app.example.com"
    server.start()
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "x-api-key"}
    address = f"{server.address}/api/workflows"
    for origin, allowed in (("https://app.example.com", True), ("https://evil.example", False)):
        answer = httpx.options(address, headers={**asked, "origin": origin})
        assert (answer.headers.get("access-control-allow-origin") == origin) == allowed


@pytest.mark.parametrize("text", ["port = 'x'", "allowed_networks = ['10.0.0.0/99']", "["])
def test_a_wrong_setting_names_its_source(tmp_path: Path, text: str) -> None:
    file = tmp_path / "s.toml"
    file.write_text(text)
    shown = stepwell("config", "--config", file)
    assert (shown.returncode, str(file) in shown.stderr) == (1, True)
