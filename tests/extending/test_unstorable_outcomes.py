"""An outcome that the journal cannot store fails its step, once, and never hangs the run."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.extending.test_guide import create
from tests.harness.server import Server

PLUGIN = """
import datetime
from pathlib import Path
from typing import Any

from steps import Done, Pause, Pauses, Sleeps, StepBroke, StepSettings, StepType, tool

def abyss(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value

VALUES = {
    "nan": float("nan"), "set": {1, 2}, "date": datetime.datetime(2026, 1, 1),
    "half": "half a pair: \\ud800", "key": {"\\udcff": 1}, "huge": 10**5000, "abyss": abyss(930), "deep": abyss(220),
    "loose": {"pair": (1, 2), 3: "three"},
}

class Settings(StepSettings):
    gives: str
    how: str
    file: str

class Odd(StepType[Settings]):
    type = "odd"
    settings = Settings

    async def execute(self, settings, step, effects):
        with Path(settings.file).open("a") as out:
            out.write(settings.gives)
        value = VALUES.get(settings.gives)
        match settings.how:
            case "output":
                return Done(value)
            case "pause":
                return Pauses(Pause("collect_inputs", {"asks": value}))
            case "record":
                async def work():
                    return value
                return Done(await effects.record("odd", work))
            case "time":
                return Sleeps({"late": 10**17, "half": 10**12 + 0.5}[settings.gives])
            case "deadline":
                return Pauses(Pause("collect_inputs", {}), 10**17)
            case "error":
                raise StepBroke("Odd\\ud800", VALUES["half"], retry_after_ms=10**30)
        return value

@tool
def odd(gives: str) -> Any:
    return VALUES[gives]

@tool
def unreadable() -> None:
    raise FileNotFoundError("no file \\udcff")
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("odd")
    plugin = folder / "odd.py"
    plugin.write_text(PLUGIN)
    with Server(folder / "data", plugin) as server, server.client() as client:
        yield client


def made(client: httpx.Client, step: dict[str, Any]) -> str:
    """Create a workflow with this one step under a unique id, and return the id."""
    name = f"odd-{uuid.uuid4().hex}"
    create(client, name, step)
    return name


def outcome(client: httpx.Client, step: dict[str, Any]) -> Any:
    name = made(client, step)
    answer = client.post(f"/api/workflow/start/{name}")
    assert answer.status_code == 200, answer.text
    shown = client.get(f"/api/workflow/status/{answer.json()['runId']}")
    assert shown.status_code == 200, shown.text
    return shown.json()


VALUES = ["nan", "set", "date", "half", "key", "huge", "abyss", "deep"]
CASES = [
    *((how, gives) for how in ("output", "pause", "record") for gives in VALUES),
    ("time", "late"), ("deadline", "late"), ("nothing", "nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("how", "gives"), CASES)
def test_a_step_with_an_outcome_that_cannot_be_stored_fails_once(
    client: httpx.Client, tmp_path: Path, how: str, gives: str
) -> None:
    done = tmp_path / "done"
    run = outcome(client, {"type": "odd", "how": how, "gives": gives, "file": str(done)})
    assert run["status"] == "failed", run
    assert run["error"]["type"] == ("StepCrashed" if how == "nothing" else "InvalidOutput")
    assert done.read_text() == gives


@pytest.mark.parametrize("how", ["output", "record"])
def test_a_run_continues_with_the_values_as_stored(
    client: httpx.Client, tmp_path: Path, how: str
) -> None:
    """Tuples are stored as lists and keys as strings, so the run sees the same after a restart."""
    step = {"type": "odd", "how": how, "gives": "loose", "file": str(tmp_path / "done")}
    name = f"odd-{uuid.uuid4().hex}"
    seen = '{{ steps.one.output["3"] }}'
    create(client, name, step, three=seen, pair="{{ steps.one.output.pair == [1, 2] }}")
    run = client.post(f"/api/workflow/start/{name}").json()
    assert run["result"] == {"three": "three", "pair": True}


def test_a_time_is_stored_in_whole_milliseconds(client: httpx.Client, tmp_path: Path) -> None:
    step = {"type": "odd", "how": "time", "gives": "half", "file": str(tmp_path / "done")}
    assert outcome(client, step)["status"] == "completed"


def test_an_error_is_stored_as_valid_text(client: httpx.Client, tmp_path: Path) -> None:
    step = {"type": "odd", "how": "error", "gives": "", "file": str(tmp_path / "done")}
    assert outcome(client, step)["error"]["message"] == "half a pair: ?"
    again = {**step, "retry": {"maxAttempts": 2}}
    name = made(client, again)
    run = client.post(f"/api/workflow/start/{name}", headers={"prefer": "wait=0"}).json()
    assert client.get(f"/api/workflow/status/{run['runId']}").status_code == 200
    failed = outcome(client, {"type": "call-tool", "toolId": "unreadable"})
    assert failed["error"]["message"] == "tool unreadable raised FileNotFoundError: no file ?"


@pytest.mark.parametrize("gives", ["half", "key", "huge"])
def test_a_tool_with_a_result_that_cannot_be_stored_fails(client: httpx.Client, gives: str) -> None:
    run = outcome(client, {"type": "call-tool", "toolId": "odd", "inputs": {"gives": gives}})
    assert (run["status"], run["error"]["type"]) == ("failed", "InvalidToolResult")
