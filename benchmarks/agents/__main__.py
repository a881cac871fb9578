"""Ten agent tasks on Stepwell and three libraries, with one scripted model: `make agent-compare`.

The model and the tools count the calls. `--python` is the Python of a virtual environment that
has the libraries.
"""

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.agents.model import Model
from benchmarks.agents.tasks import TASKS, Task
from benchmarks.agents.tools import HELD_AT
from benchmarks.http_client import ask
from benchmarks.peers.agent_peer import LIBRARIES
from benchmarks.stepwell_server import ROOT, StepwellServer

_OWN = "stepwell"
_KILLED_AT, _KILLED = 3, "four"
_WANTED: Mapping[str, Any] = {"fields": {"total": 3}}


@dataclass(frozen=True)
class Found:
    """The result of one task."""

    is_right: bool
    requests: int
    tokens: int
    seconds: float
    outcome: Any


@dataclass(frozen=True)
class Kill:
    """The cost of a kill -9 in the middle of a task."""

    is_right: bool
    requests: int
    calls: int
    repeated: int


class Peer:
    """One of the libraries, with one process for each task."""

    def __init__(self, name: str, python: Path, folder: Path) -> None:
        self.name, self._python, self._folder = name, python, folder

    def begin(self, task: Task, model: Model, environment: Mapping[str, str]) -> Any:
        """Start the process of a task; it can be restarted with its stored state."""
        state = self._folder / f"{self.name}-{environment['AGENT_STATE']}.state"
        command: list[str | Path] = [
            self._python, "-m", "benchmarks.peers.agent_peer", self.name, task.name,
                   model.address, state]  # fmt: skip
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )  # fmt: skip

    def run(self, task: Task, model: Model, environment: Mapping[str, str]) -> tuple[Any, float]:
        return self._end(self.begin(task, model, environment))

    def killed(
        self, task: Task, model: Model, environment: Mapping[str, str], moment: "Moment"
    ) -> Any:
        """Kill the process in the middle, and start it again as it was."""
        process = self.begin(task, model, environment)
        _wait_for(moment.has_come)
        process.kill()
        process.wait()
        moment.over()
        return self._end(self.begin(task, model, environment))[0]

    def _end(self, process: Any) -> tuple[Any, float]:
        out, err = process.communicate(timeout=120)
        lines = out.decode().splitlines()
        if not lines:
            return f"it ended: {err.decode()[-300:]}", 0
        told = json.loads(lines[-1])
        return told["outcome"], told["seconds"]


class Own:
    """Stepwell: one server, agents that are asked over HTTP."""

    name = _OWN

    def __init__(self, folder: Path, model: Model, environment: Mapping[str, str]) -> None:
        self._server = StepwellServer(
            folder,
            {"STEPWELL_PLUGINS": str(ROOT / "benchmarks" / "agents" / "stepwell_tools.py"),
             "STEPWELL_MODELS": json.dumps({"m": {"provider": "openai", "model": "script",
                                                  "baseUrl": model.address}}),
             **environment},
        )  # fmt: skip
        self._server.start()
        for task in TASKS:
            document: dict[str, Any] = {
                "id": task.name, "name": task.name, "instructions": "Work.",
                "tools": ["add", "look", "slow", "fail"],
                "limits": {"maxTurns": 60, "maxTokens": 10_000_000},
            }  # fmt: skip
            if task.wants_fields:
                document["output"] = {"total": {"type": "integer"}}
            if task.makes_short:
                document["context"] = {"maxTokens": 8_000, "keepLast": 3}
            self._server.ask("POST", "/api/agents", document)

    def run(self, task: Task, *_: Any) -> tuple[Any, float]:
        began_s = time.perf_counter()
        answer = self._invoke(task)
        return _outcome(task, answer), time.perf_counter() - began_s

    def killed(self, task: Task, _: Model, __: Any, moment: "Moment") -> Any:
        """Kill the server in the middle, and start it again."""
        run = self._invoke(task, wait="0")
        _wait_for(moment.has_come)
        self._server.kill()
        moment.over()
        self._server.start()
        while True:
            status = self._server.ask("GET", f"/api/workflow/status/{run['runId']}")
            if status["status"] != "running":
                return _outcome(task, status.get("result") or status)
            time.sleep(0.1)

    def stop(self) -> None:
        self._server.stop()

    def _invoke(self, task: Task, wait: str = "300") -> Any:
        headers = {**self._server.headers, "prefer": f"wait={wait}"}
        address = f"{self._server.address}/api/agents/{task.name}/invoke"
        return ask("POST", address, {"message": f"{task.name}: go on"}, headers)


def _outcome(task: Task, answer: Any) -> Any:
    data = answer.get("data")
    if not isinstance(data, dict):
        return answer.get("error")
    return data if task.wants_fields else data.get("text")


def _wait_for(holds: Any) -> None:
    for _ in range(6_000):
        if holds():
            return
        time.sleep(0.01)
    raise TimeoutError("the task did not come so far")


@dataclass(frozen=True)
class Moment:
    """The moment at which a process is killed.

    Attributes:
        about: Description for the table.
        has_come: Whether it has come; the task is held then.
        over: Lets the task continue.
    """

    about: str
    has_come: Callable[[], bool]
    over: Callable[[], None]


@contextmanager
def _while_answering(model: Model, _: Path) -> Iterator[Moment]:
    model.held_at = _KILLED_AT
    model.released.clear()
    about = "`kill -9` while the model gives its third answer"
    yield Moment(about, lambda: len(model.asked) >= _KILLED_AT, model.released.set)
    model.held_at = None


@contextmanager
def _while_calling(_: Model, calls: Path) -> Iterator[Moment]:
    held = calls.with_name(f"{calls.name}.held")
    held.touch()
    mark = f"look {HELD_AT}\n"
    about = "`kill -9` in the middle of the third call"
    yield Moment(about, lambda: mark in calls.read_text(), held.unlink)


_MOMENTS = (_while_answering, _while_calling)


def _measure(system: Any, model: Model, folder: Path) -> tuple[dict[str, Found], dict[str, Kill]]:
    found: dict[str, Found] = {}
    kills: dict[str, Kill] = {}
    calls = folder / "calls"
    environment = {"AGENT_CALLS": str(calls)}
    for task in TASKS:
        model.forget()
        outcome, seconds = system.run(task, model, {**environment, "AGENT_STATE": task.name})
        is_right = outcome == _WANTED.get(task.name, "done")
        found[task.name] = Found(is_right, len(model.asked), model.tokens, seconds, outcome)
        print(
            f"{system.name} {task.name}: {outcome!r:.120} {len(model.asked)} {seconds:.2f}s",
            flush=True,
        )
    task = next(task for task in TASKS if task.name == _KILLED)
    for number, begin in enumerate(_MOMENTS):
        model.forget()
        calls.write_text("")
        with begin(model, calls) as moment:
            kept = {**environment, "AGENT_STATE": f"killed-{number}"}
            outcome = system.killed(task, model, kept, moment)
        made = Counter(calls.read_text().split("\n"))
        made.pop("", None)
        kill = Kill(outcome == "done", len(model.asked), made.total(), made.total() - len(made))
        kills[moment.about] = kill
        print(f"{system.name} {moment.about}: {kill}", flush=True)
    return found, kills


def _page(
    results: Mapping[str, tuple[dict[str, Found], dict[str, Kill]]], versions: str
) -> Iterator[str]:
    names = list(results)
    yield f"Measured with {versions}, on {platform.processor() or platform.machine()}.\n"
    yield f"| task | {' | '.join(names)} |\n| --- |{' --- |' * len(names)}"
    for task in TASKS:
        cells = [_cell(results[name][0][task.name]) for name in names]
        yield f"| {task.about} | {' | '.join(cells)} |"
    for about in results[_OWN][1]:
        kills = [_killed(results[name][1][about]) for name in names]
        yield f"| {about} | {' | '.join(kills)} |"


def _cell(found: Found) -> str:
    word = "request" if found.requests == 1 else "requests"
    told = f"{found.requests} {word}, {found.tokens:,} tokens, {found.seconds:.2f} s"
    return told if found.is_right else f"{told}; **not done**"


def _killed(kill: Kill) -> str:
    told = f"{kill.requests} requests, {kill.calls} calls, {kill.repeated} of them again"
    return told if kill.is_right else f"{told}; **not done**"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/results/agents.md")
    args = parser.parse_args()
    results: dict[str, tuple[dict[str, Found], dict[str, Kill]]] = {}
    with tempfile.TemporaryDirectory() as name, Model() as model:
        folder = Path(name)
        own = Own(folder, model, {"AGENT_CALLS": str(folder / "calls")})
        try:
            results[_OWN] = _measure(own, model, folder)
        finally:
            own.stop()
        for library in LIBRARIES:
            results[library] = _measure(Peer(library, args.python, folder), model, folder)
    asked = (
        "import importlib.metadata as m; print(', '.join(f'{n} {m.version(n)}' for n in "
        "('pydantic-ai-slim', 'openai-agents', 'langchain', 'langgraph')))"
    )
    versions = subprocess.run(
        [args.python, "-c", asked], capture_output=True, text=True, check=True
    ).stdout.strip()
    args.output.write_text("\n".join(_page(results, versions)) + "\n")
    print(args.output.read_text())


if __name__ == "__main__":
    main()
