"""A Stepwell server for the examples: its settings, its key, and the loaded definitions."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from journal.sqlite.lock import holder

EXAMPLES = Path(__file__).resolve().parent
FOLDERS = sorted(
    readme.parent
    for readme in EXAMPLES.glob("*/README.md")
    if not any((readme.parent / other).exists() for other in ("pyproject.toml", "compose.yaml"))
)
"""The examples without packages (their step types are not installed here) and compose files."""

TENANT = "default"
_STEPWELL = str(Path(sys.executable).with_name("stepwell"))


class Installation:
    """A server on a folder, running while it is entered.

    Attributes:
        key: An admin's API key.
    """

    def __init__(self, folder: Path, port: int, settings: Mapping[str, str]) -> None:
        self._folder = folder
        self._data = str(folder / "data")
        self._port = port or _free_port()
        self._settings = settings
        self._log = folder / "server.log"
        self.address = f"http://127.0.0.1:{self._port}"
        self.key = ""

    def __enter__(self) -> Self:
        command = [_STEPWELL, "serve", "--data", self._data, "--port", str(self._port)]
        with self._log.open("ab") as log:
            # In its own folder, so that no stepwell.toml of the checkout is used.
            self.process = subprocess.Popen(
                command, cwd=self._folder, env=_environment(self._settings), stdout=log, stderr=log
            )
        try:
            self._wait_until_ready()
            self.key = self._new_key()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stop()

    def load(self, secrets: Mapping[str, str]) -> None:
        """Set secrets, and publish every workflow and agent of the examples.

        Definitions that a kept folder already has become new versions only if they have changed.
        """
        headers = {"x-api-key": self.key, "x-tenant-id": TENANT}
        with httpx.Client(base_url=self.address, headers=headers, timeout=30) as client:
            for name, value in secrets.items():
                _accepted(client.put(f"/api/secrets/{name}", json={"value": value}))
            for file in (file for folder in FOLDERS for file in sorted(folder.glob("*.json"))):
                kind = _kind(file)
                if kind is None:
                    continue
                document = json.loads(file.read_text(encoding="utf-8"))
                name = _published(client, f"/api/{kind}s", document)
                print(f"loaded {file.relative_to(EXAMPLES.parent)} as {kind} {name}")

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                is_its_own = holder(self._folder / "data").get("pid") == self.process.pid
                if is_its_own and httpx.get(f"{self.address}/readyz").is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise SystemExit(f"the server did not start:\n{self._log.read_text(encoding='utf-8')}")

    def _new_key(self) -> str:
        arguments = ["--tenant", TENANT, "--role", "admin", "--name", "examples", "--json"]
        command = [_STEPWELL, "key", "create", "--data", self._data, *arguments]
        made = subprocess.check_output(command, cwd=self._folder, env=_environment({}))
        return str(json.loads(made)["key"])

    def _stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


def _kind(file: Path) -> str | None:
    """Return what a file defines; None for input data."""
    if file.name == "agent.json":
        return "agent"
    return "workflow" if file.name.endswith("workflow.json") else None


def _published(client: httpx.Client, place: str, document: dict[str, Any]) -> str:
    """Publish a definition, as a new one or as the next version of an existing one."""
    address = f"{place}/{document['id']}"
    found = client.get(address, params={"version": "published"})
    if found.is_success and all(found.json().get(key) == part for key, part in document.items()):
        return str(document["id"])
    if client.get(address).is_success:
        made = _accepted(client.put(address, json=document))
    else:
        made = _accepted(client.post(place, json=document))
    _accepted(client.post(f"{address}/publish", json={"version": made["version"]}))
    return str(made["id"])


def _accepted(answer: httpx.Response) -> Any:
    if answer.is_error:
        raise SystemExit(f"{answer.request.method} {answer.request.url}: {answer.text}")
    return answer.json()


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with these settings of Stepwell only."""
    others = {name: text for name, text in os.environ.items() if not name.startswith("STEPWELL_")}
    return {**others, **settings}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
