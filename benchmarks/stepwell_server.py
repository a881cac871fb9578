"""A Stepwell server with default settings, in a separate folder."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.closed_loop import Connect
from benchmarks.http_client import ask, requests
from benchmarks.process import Process, free_ports

ROOT = Path(__file__).parents[1]
STEPWELL = Path(sys.executable).with_name("stepwell")
NEWER_STEPWELL = ROOT / ".venv-newer" / "bin" / "stepwell"
TENANT = "bench"


class StepwellServer:
    """One server process, with the same folder and port after a restart."""

    def __init__(
        self,
        folder: Path,
        environment: dict[str, str] | None = None,
        beside: "StepwellServer | None" = None,
        command: Path = STEPWELL,
    ) -> None:
        """Create its folder, and a key unless the server `beside` it has created one."""
        self._command = command
        self.data = folder / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        self.log = folder / "server.log"
        (self.port,) = free_ports(1)
        self.address = f"http://127.0.0.1:{self.port}"
        self._environment = {
            "PYTHONPATH": str(ROOT),
            "STEPWELL_PLUGINS": str(ROOT / "benchmarks" / "stepwell_tools.py"),
            "STEPWELL_LOG_LEVEL": "warning",
            **(environment or {}),
        }
        self.headers: dict[str, str] = beside.headers if beside else self._key()
        self.process: Process | None = None

    def _key(self) -> dict[str, str]:
        made = subprocess.run(
            [
                self._command, "key", "create", "--data", self.data, "--tenant", TENANT,
                "--role", "owner", "--json",
            ],
            capture_output=True, check=True, cwd=self.data.parent,
            env={**os.environ, **self._environment},
        )  # fmt: skip
        return {"x-api-key": json.loads(made.stdout)["key"], "x-tenant-id": TENANT}

    def start(self, seconds: float = 120) -> float:
        """Start and return the seconds until it is ready."""
        began = time.perf_counter()
        self.process = Process(
            [self._command, "serve", "--data", self.data, "--port", str(self.port)],
            self.log,
            self._environment,
            cwd=self.data.parent,
        )
        self.process.wait_until(lambda: bool(ask("GET", f"{self.address}/readyz")), seconds)
        return time.perf_counter() - began

    def stop(self) -> None:
        if self.process:
            self.process.stop()

    def kill(self) -> None:
        if self.process:
            self.process.kill()

    @property
    def pids(self) -> list[int]:
        return [self.process.pid] if self.process else []

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return ask(method, self.address + path, body, self.headers)

    def create(self, definition: dict[str, Any]) -> None:
        self.ask("POST", "/api/workflows", definition)

    def starts(self, workflow_id: str, expect: bytes = b'"completed"') -> Connect:
        """Return callers that start a run and wait for its result."""
        path = f"/api/workflow/start/{workflow_id}"
        return requests(
            self.port, "POST", path, b'{"data":{}}', headers=self.headers, expect=expect
        )

    def running(self) -> int:
        """Return the number of running runs, at most 100."""
        page = self.ask("GET", "/api/workflow/runs?status=running&limit=100")
        return len(page["runs"])
