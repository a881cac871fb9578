"""The guide for authors of step types: its commands and its code work."""

import ast
import importlib
import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steps import STABLE
from tests.extending.conftest import PACKAGE
from tests.harness.echo import Echo
from tests.harness.processes import STEPWELL
from tests.harness.server import Server, settled

GUIDE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()
END = {"id": "end", "type": "end-flow"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def whole() -> list[str]:
    """Return the blocks of Python that are complete modules."""
    return [block for block in blocks("python") if block.startswith(("import ", "from "))]


def bash(script: str, folder: Path, **environment: str) -> str:
    shown = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


def test_an_empty_folder_becomes_an_installed_package(
    tmp_path: Path, install: Callable[[Path], Path]
) -> None:
    commands = blocks("sh")
    (at,) = [i for i, block in enumerate(commands) if block.startswith("$STEPWELL/pip install ")]
    bash("\n".join(commands[:at]), tmp_path)
    package = tmp_path / "words"
    place = str(Path(STEPWELL).parent)
    shown = bash(
        "\n".join(commands[at + 1 :]), package, STEPWELL=place, PYTHONPATH=str(install(package))
    )
    assert "workflow.json: OK" in shown
    document = json.loads(shown[shown.index("{") :])
    assert document["result"] == {"said": "4 WORDS: IT IS ONLY ME"}


def test_every_other_code_block_is_part_of_the_example_package() -> None:
    sources = [file.read_text() for file in PACKAGE.rglob("*.py")]
    pieces = [block for block in blocks("python") if block not in whole()]
    assert len(pieces) >= 7
    assert [piece for piece in pieces if not any(piece in source for source in sources)] == []
    assert "no such piece\n" not in "".join(sources)


async def test_the_test_of_the_guide_passes_and_can_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    telling, _, test = whole()
    (tmp_path / "telling.py").write_text(telling)
    (tmp_path / "test_telling.py").write_text(test)
    monkeypatch.syspath_prepend(tmp_path)
    names = runpy.run_path(str(tmp_path / "test_telling.py"))
    (name,) = [name for name in names if name.startswith("test_")]
    assert test.partition(f"def {name}")[2].count("\n") == 5, "a signature and a test of four lines"
    await names[name]()
    names["STEP"]["token"] = "other"
    with pytest.raises(AssertionError):
        await names[name]()
    del sys.modules["telling"]


def imported_from_steps(source: str) -> set[tuple[str, str]]:
    """Return the (module, name) pairs that a source imports from `steps`."""
    return {
        (node.module or "", alias.name)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "steps"
        for alias in node.names
    }  # fmt: skip


def test_guide_and_package_use_stable_names_only() -> None:
    stable = {(module, name) for module, names in STABLE.items() for name in names}
    sources = [*whole(), *(file.read_text() for file in PACKAGE.rglob("*.py"))]
    used = set().union(*map(imported_from_steps, sources))
    assert len(used) > 20
    assert used - stable == set()
    for module, name in stable:
        assert hasattr(importlib.import_module(module), name), f"{module}.{name}"
    assert list(STABLE["steps.testing"]) == importlib.import_module("steps.testing").__all__


def create(client: Any, name: str, step: dict[str, Any], **result: Any) -> None:
    end = {**END, "result": result} if result else END
    document = {"id": name, "name": name, "initialStep": "one", "steps": [{"id": "one", **step}, end],
                "edges": [{"from": "one", "to": "end"}]}  # fmt: skip
    made = client.post("/api/workflows", json=document)
    assert made.status_code == 201, made.text


def test_the_step_types_of_the_guide_work(tmp_path: Path) -> None:
    telling, several, _ = whole()
    (tmp_path / "telling.py").write_text(telling)
    (tmp_path / "several.py").write_text(several)
    plugins = f"{tmp_path / 'telling.py'},{tmp_path / 'several.py'}"
    with Echo() as echo, Server(tmp_path / "data", tmp_path, STEPWELL_PLUGINS=plugins) as server:
        with server.client() as client:
            client.put("/api/secrets/PARTNER", json={"value": "not-a-real-token"})
            token = {"type": "tell-partner", "token": "{{ secrets.PARTNER }}"}
            for status, wanted in ((200, "completed"), (409, "failed")):
                create(client, f"tell-{status}", {**token, "url": f"{echo.address}/{status}"})
                outcome = client.post(f"/api/workflow/start/tell-{status}").json()
                assert outcome["status"] == wanted
            assert outcome["error"]["type"] == "PartnerRefused"
            assert echo.seen[0]["headers"]["authorization"] == "Bearer not-a-real-token"
            create(client, "plain", {"type": "wait", "duration": "10ms"}, n="{{ data.n }}")
            create(client, "person", {"type": "request-user-action"}, n="{{ data.n }}")
            create(client, "both", {"type": "ask-several", "workflows": ["plain", "person"]})
            outcome = client.post("/api/workflow/start/both", json={"data": {"n": 5}}).json()
            assert outcome["pauseSignal"]["stepId"] == "one"
        server.kill()
        server.start()
        with server.client() as client:
            body = {"type": "request_user_action", "actionId": "one", "actionValue": "approved"}
            run_id = outcome["runId"]
            assert client.post(f"/api/workflow/resume/{run_id}", json=body).is_success
            document = settled(client, run_id, "completed")
    entry = document["stepExecutionHistory"][0]
    assert entry["outputData"] == {"results": [{"n": 5}, {"n": 5}], "agree": True}
