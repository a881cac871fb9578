"""n8n: one process on its SQLite, driven by its webhook, five nodes that set a value."""

import json
import os
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.closed_loop import Load
from benchmarks.http_client import ask, requests
from benchmarks.process import Process, folder_bytes, free_ports
from benchmarks.systems.base import VENV, About, NotHere, System, load_over, require_venv

_PROGRAM = VENV / "n8n" / "node_modules" / ".bin" / "n8n"
_NODE = VENV / "node24" / "node_modules" / ".bin"
"""Where the Node is that it runs on."""

_ID = "benchmarkfive0001"


class N8n(System):
    def __init__(self, *, engine: str | None = None) -> None:
        super().__init__()
        self._engine = engine
        more = f", its {engine} expression engine" if engine else ""
        self.about = About(
            f"n8n-{engine}" if engine else "n8n",
            f"n8n{more}",
            "HTTP",
            "a finished execution, after its answer; its SQLite as it sets it, one process; an "
            "execution that was cut off is marked as crashed",
            recovers=False,
        )

    def prepare(self, folder: Path, environment: dict[str, str]) -> None:
        require_venv()
        if not _PROGRAM.exists() or not (_NODE / "node").exists():
            raise NotHere("n8n is not installed (it comes from the npm registry)")
        self._folder = folder
        (self._port,) = free_ports(1)
        self._environment = {
            "PATH": f"{_NODE}:{os.environ['PATH']}",
            "N8N_USER_FOLDER": str(folder),
            "N8N_PORT": str(self._port),
            "N8N_LISTEN_ADDRESS": "127.0.0.1",
            "N8N_DIAGNOSTICS_ENABLED": "false",
            "N8N_VERSION_NOTIFICATIONS_ENABLED": "false",
            "N8N_TEMPLATES_ENABLED": "false",
            "N8N_LOG_LEVEL": "error",
            **({"N8N_EXPRESSION_ENGINE": self._engine} if self._engine else {}),
            **environment,
        }
        file = folder / "workflow.json"
        file.write_text(json.dumps([_workflow()]))
        for command in (
            ["import:workflow", f"--input={file}"],
            ["publish:workflow", f"--id={_ID}"],
        ):
            done = subprocess.run(
                [_PROGRAM, *command],
                capture_output=True, text=True, timeout=180, check=False,
                env={**os.environ, **self._environment}, cwd=folder,
            )  # fmt: skip
            if done.returncode:
                raise NotHere(f"n8n {command[0]}: {(done.stdout + done.stderr)[-500:]}")

    def launch(self) -> None:
        server = Process(
            [_PROGRAM, "start"], self._folder / "server.log", self._environment, cwd=self._folder
        )
        self.processes.append(server)
        server.wait_until(self._is_up, 120)

    def load(self, callers: int, seconds: float, most: int) -> Load:
        call = requests(self._port, "POST", "/webhook/five", b'{"n":1}', expect=b'"sum"')
        return load_over(call, callers, seconds, most)

    def start_gated(self, count: int) -> None:
        raise NotImplementedError("it does not carry on what was cut off")

    def unfinished(self) -> int:
        return 0

    def stored_bytes(self) -> int:
        return folder_bytes(self._folder / ".n8n")

    def _is_up(self) -> bool:
        return bool(ask("POST", f"http://127.0.0.1:{self._port}/webhook/five", {"n": 1}))


def _workflow() -> dict[str, Any]:
    nodes: list[dict[str, Any]] = [
        {
            "id": "hook", "name": "hook", "type": "n8n-nodes-base.webhook", "typeVersion": 2,
            "position": [0, 0], "webhookId": "five",
            "parameters": {"httpMethod": "POST", "path": "five", "responseMode": "lastNode"},
        }
    ]  # fmt: skip
    for i in range(5):
        sums = {"id": "sum", "name": "sum", "type": "number", "value": f"={{{{ {i} + 1 }}}}"}
        nodes.append(
            {
                "id": f"s{i}", "name": f"s{i}", "type": "n8n-nodes-base.set", "typeVersion": 3.4,
                "position": [200 * (i + 1), 0],
                "parameters": {"assignments": {"assignments": [sums]}, "options": {}},
            }
        )  # fmt: skip
    names = [node["name"] for node in nodes]
    return {
        "id": _ID,
        "name": "five",
        "nodes": nodes,
        "connections": {
            name: {"main": [[{"node": following, "type": "main", "index": 0}]]}
            for name, following in pairwise(names)
        },
        "settings": {},
        "active": False,
    }
