"""A real server process, and a client for it."""

import json
import os
import signal
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.harness.described import DescribedClient
from tests.harness.processes import Process, command, start

TRUST = httpx.create_ssl_context()
"""Shared by all clients: loading the certificate authorities takes longer than a request."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server on a data folder; it keeps folder and port after a restart."""

    def __init__(self, data: Path, plugin: Path, **environment: str) -> None:
        self.data = data
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("STEPWELL_")},
            "STEPWELL_ALLOWED_NETWORKS": "127.0.0.0/8",
            "STEPWELL_PLUGINS": str(plugin),
            "STEPWELL_LOG_LEVEL": "warning",
            **environment,
        }
        self.installed = False
        """Whether to start the installed script instead of a fork."""
        self.process: Process | None = None
        self.log = data.parent / "server.log"
        self._keys: dict[tuple[str, str], str] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> float:
        """Start, wait until ready, and return the seconds that took."""
        began = time.monotonic()
        with self.log.open("ab") as log:
            self.process = start(
                "serve", "--data", self.data, "--port", self.port,
                environment=self.environment, stdout=log, stderr=log, installed=self.installed,
            )  # fmt: skip
        with httpx.Client(base_url=self.address, verify=TRUST) as client:
            while time.monotonic() - began < 60:
                assert self.process.poll() is None, self.log.read_text()
                try:
                    if client.get("/readyz").status_code == 200:
                        return time.monotonic() - began
                except httpx.TransportError:
                    pass
                time.sleep(0.02)
        self.kill()
        raise AssertionError(f"the server is not ready after a minute\n{self.log.read_text()}")

    def kill(self) -> None:
        """Send SIGKILL if it is running."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def terminate(self) -> int:
        """Stop gracefully and return the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def computed_s(self) -> float:
        """Return the seconds of processor time it has used, which no other process adds to."""
        assert self.process is not None
        return time.clock_gettime(~self.process.pid << 3 | 2)  # Linux: clock id of a process

    def key(self, role: str = "owner", tenant: str = "acme", name: str = "") -> str:
        """Return an API key with this role, created on first use, then with this name."""
        if (tenant, role) not in self._keys:
            self._keys[tenant, role] = self._new_key(role, tenant, name)
        return self._keys[tenant, role]

    def _new_key(self, role: str, tenant: str, name: str) -> str:
        """Create a key through the running server, without a new process."""
        if self.process is None or self.process.poll() is not None:
            place = ["--data", self.data, "--tenant", tenant, "--role", role, "--name", name]
            return str(command("key", "create", *place)["key"])
        held = json.loads((self.data / "stepwell.lock").read_text())
        asked = {"command": "key.create", "given": {"tenant": tenant, "role": role, "name": name}}
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(20)
            control.connect(held["control"])
            control.sendall(json.dumps(asked).encode() + b"\n")
            return str(json.loads(control.makefile().readline())["key"])

    def client(self, role: str = "owner", tenant: str = "acme") -> httpx.Client:
        """Return a client with a key of this role."""
        headers = {"x-api-key": self.key(role, tenant), "x-tenant-id": tenant}
        return DescribedClient(base_url=self.address, headers=headers, timeout=60, verify=TRUST)


def settled(client: httpx.Client, run_id: str, *statuses: str, within: float = 60) -> Any:
    """Wait until a run has one of the statuses (any but running if none is given)."""
    until = time.monotonic() + within
    while True:
        document = client.get(f"/api/workflow/status/{run_id}").json()
        status = document["status"]
        if status in statuses or (not statuses and status != "running"):
            return document
        assert time.monotonic() < until, document
        time.sleep(0.02)
