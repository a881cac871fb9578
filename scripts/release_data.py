"""Create a small data folder with every kind of content, kept as test data for each release.

    .venv/bin/python scripts/release_data.py tests/releases/0.1.0.tar.gz

Later versions must open it, verify its histories and continue its runs
(`tests/operations/test_releases.py`).
"""

import argparse
import json
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

STEPWELL = Path(sys.executable).with_name("stepwell")
TENANT = "acme"
_OPENER = build_opener(ProxyHandler({}))

ASK = {
    "id": "ask",
    "type": "request-user-action",
    "message": "Pay {{ data.amount }}?",
    "actions": [{"value": "yes", "label": "Yes"}, {"value": "no", "label": "No"}],
}
END = {"id": "end", "type": "end-flow", "result": {"asked": "{{ steps.ask.output.actionValue }}"}}
WORKFLOWS: dict[str, dict[str, Any]] = {
    "approve": {
        "payload": {"amount": {"type": "number"}},
        "steps": [ASK, END],
        "edges": [{"from": "ask", "to": "end"}],
    },
    "fill-in": {
        "steps": [
            {"id": "form", "type": "collect-inputs", "output": {"name": {"type": "string"}}},
            {"id": "end", "type": "end-flow", "result": {"name": "{{ data.name }}"}},
        ],
        "edges": [{"from": "form", "to": "end"}],
    },
    "sleep": {
        "steps": [
            {"id": "sleep", "type": "wait", "until": "2999-01-01T00:00:00Z"},
            {"id": "end", "type": "end-flow", "result": {"slept": True}},
        ],
        "edges": [{"from": "sleep", "to": "end"}],
    },
    "nap": {
        "steps": [
            {"id": "nap", "type": "wait", "duration": "5s"},
            {"id": "end", "type": "end-flow", "result": {"slept": True}},
        ],
        "edges": [{"from": "nap", "to": "end"}],
    },
    "family": {
        "steps": [
            {"id": "ask", "type": "call-workflow", "workflowId": "approve",
             "items": "{{ [1, 2] }}", "concurrency": 2, "data": {"amount": "{{ item }}"}},
            {"id": "end", "type": "end-flow", "result": {"children": True}},
        ],
        "edges": [{"from": "ask", "to": "end"}],
    },
    "retry": {
        "payload": {"url": {"type": "string"}},
        "steps": [
            {"id": "call", "type": "call-api", "method": "POST", "url": "{{ data.url }}",
             "headers": {"Authorization": "Bearer {{ secrets.TOKEN }}"},
             "retry": {"maxAttempts": 5, "initialInterval": "1h", "maximumInterval": "1h"}},
            {"id": "end", "type": "end-flow"},
        ],
        "edges": [{"from": "call", "to": "end"}],
    },
    "fail": {
        "steps": [{"id": "end", "type": "end-flow", "status": "failed", "message": "no"}],
        "edges": [],
    },
}  # fmt: skip


class _Server:
    def __init__(self, data: Path) -> None:
        shown = subprocess.run(
            [STEPWELL, "key", "create", "--data", data, "--tenant", TENANT, "--role", "owner",
             "--json"],
            check=True, capture_output=True,
        )  # fmt: skip
        self._key = json.loads(shown.stdout)["key"]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._address = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [STEPWELL, "serve", "--data", data, "--port", str(port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        _until(self._is_ready)

    def send(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Send a request and return the answer's document."""
        request = Request(  # noqa: S310 - its own server
            self._address + path,
            None if body is None else json.dumps(body).encode(),
            {"x-api-key": self._key, "x-tenant-id": TENANT, "Content-Type": "application/json"},
            method=method,
        )
        with _OPENER.open(request, timeout=20) as answer:
            document: dict[str, Any] = json.load(answer)
        return document

    def start(self, workflow: str, data: dict[str, Any] | None = None) -> str:
        """Start a run and return its id."""
        started = self.send("POST", f"/api/workflow/start-async/{workflow}", {"data": data or {}})
        return str(started["runId"])

    def status(self, run_id: str) -> dict[str, Any]:
        """Return the status of a run."""
        return self.send("GET", f"/api/workflow/status/{run_id}")

    def _is_ready(self) -> bool:
        try:
            with _OPENER.open(f"{self._address}/readyz", timeout=5):
                return True
        except URLError:
            return False


def fill(server: _Server) -> dict[str, str]:
    """Store definitions and start runs; return the ids of the runs by their state."""
    for name, workflow in WORKFLOWS.items():
        definition = {"name": name, "initialStep": workflow["steps"][0]["id"], **workflow}
        server.send("POST", "/api/workflows", {"id": name, **definition})
        server.send("POST", f"/api/workflows/{name}/publish", {})
    server.send("PUT", "/api/secrets/TOKEN", {"value": "of-no-worth"})
    runs = {
        "paused": server.start("approve", {"amount": 10}),
        "form": server.start("fill-in"),
        "sleeping": server.start("sleep"),
        "family": server.start("family"),
        "retrying": server.start("retry", {"url": "https://nowhere.invalid/"}),
        "failed": server.start("fail"),
        "completed": server.start("approve", {"amount": 20}),
        "cancelled": server.start("approve", {"amount": 30}),
    }
    _until(lambda: server.status(runs["family"])["status"] == "paused")
    _until(lambda: server.status(runs["cancelled"])["status"] == "paused")
    _until(lambda: server.status(runs["completed"])["status"] == "paused")
    answer = {"type": "request_user_action", "actionId": "ask", "actionValue": "yes"}
    server.send("POST", f"/api/workflow/resume/{runs['completed']}", answer)
    server.send("POST", "/api/workflow/management/cancel", {"runId": runs["cancelled"]})
    runs["due"] = server.start("nap")
    _until(lambda: "retryAt" in json.dumps(server.status(runs["retrying"])))
    return runs


def main() -> None:
    """Create the folder and pack it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("to", type=Path)
    to = parser.parse_args().to
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        server = _Server(data)
        try:
            runs = fill(server)
        finally:
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(30)
        (data / "runs.json").write_text(json.dumps(runs, indent=1))
        to.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(to, "w:gz") as packed:
            for file in sorted(data.rglob("*")):
                if file.is_file() and file.name != "stepwell.lock":
                    packed.add(file, file.relative_to(data))
    print(f"{to}: {to.stat().st_size} bytes")


def _until(stands: Callable[[], bool], within_s: float = 20) -> None:
    end = time.monotonic() + within_s
    while not stands():
        if time.monotonic() > end:
            raise SystemExit("the runs do not stand as they should")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
