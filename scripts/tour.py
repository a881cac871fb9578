"""Start the server, load the samples, take one of them through a whole run, keep serving.

On a data folder that has the samples, only start the server: they may have been changed since.

Every call is printed as the curl command that a person would type, with its answer.
"""

import argparse
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

import httpx

from journal.sqlite.lock import holder

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
STEPWELL = Path(sys.executable).with_name("stepwell")
TENANT = "default"
_NAME = "tour"
"""The name of the key with which the tour is taken; a disabled one says that it has been."""

SAMPLES = ("expense-report", "reminder")


class Shell:
    """Sends requests, and prints each as a curl command with its answer."""

    def __init__(self, address: str, key: str) -> None:
        self._address = address
        self._client = httpx.Client(
            base_url=address, headers={"x-api-key": key, "x-tenant-id": TENANT}, timeout=30
        )

    def call(self, method: str, path: str, body: object = None, *, quiet: bool = False) -> Any:
        """Send one request and return its JSON; a refusal ends the tour."""
        if not quiet:
            print(f"\n$ {self._curl(method, path, body)}")
        answer = self._client.request(method, path, json=body)
        if not quiet:
            print(json.dumps(answer.json(), indent=2, ensure_ascii=False))
        if answer.is_error:
            raise SystemExit(f"{method} {path} was refused: {answer.text}")
        return answer.json()

    def knows(self, workflow_id: str) -> bool:
        """Return whether the server already has this workflow."""
        return self._client.get(f"/api/workflows/{workflow_id}").is_success

    def _curl(self, method: str, path: str, body: object) -> str:
        parts = ["curl", "-s"] if method == "GET" else ["curl", "-s", "-X", method]
        parts.append(f"{self._address}{path}")
        parts.append(f'-H "x-api-key: $STEPWELL_KEY" -H "x-tenant-id: {TENANT}"')
        if body is not None:
            parts.append(f"-H 'Content-Type: application/json' -d '{json.dumps(body)}'")
        return " ".join(parts)


def load_samples(shell: Shell) -> bool:
    """Create and publish the samples that need no external service; return whether any was new."""
    is_new = False
    for name in SAMPLES:
        file = EXAMPLES / name / "workflow.json"
        document = json.loads(file.read_text(encoding="utf-8"))
        if shell.knows(document["id"]):
            continue
        created = shell.call("POST", "/api/workflows", document, quiet=True)
        version = {"version": created["version"]}
        shell.call("POST", f"/api/workflows/{created['id']}/publish", version, quiet=True)
        print(f"loaded examples/{name}/workflow.json as workflow {created['id']}")
        is_new = True
    return is_new


def walk(shell: Shell) -> None:
    """Take the expense report through its start, two pauses and completion."""
    print("\nStart a workflow. It needs an amount and a purpose, and has only an amount:")
    amount = {"data": {"amount": 250}}
    run_id = shell.call("POST", "/api/workflow/start-async/expense-report", amount)["runId"]
    settle(shell, run_id)
    print("\nIt has paused, and says what it waits for:")
    shell.call("GET", f"/api/workflow/status/{run_id}")
    print("\nGive it the purpose; it continues, and pauses again for a manager's decision:")
    answer = {"type": "collect_inputs", "data": {"purpose": "Train to Vienna"}}
    shell.call("POST", f"/api/workflow/resume/{run_id}", answer)
    settle(shell, run_id)
    print("\nApprove, and it completes:")
    decision = {
        "type": "request_user_action",
        "actionId": "review",
        "actionValue": "approved",
    }
    shell.call("POST", f"/api/workflow/resume/{run_id}", decision)
    settle(shell, run_id)
    shell.call("GET", f"/api/workflow/status/{run_id}")
    print("\n`make examples` runs longer workflows, with models, e-mail and agents.")


def settle(shell: Shell, run_id: str) -> None:
    """Wait until the run has paused or ended."""
    for _ in range(200):
        if shell.call("GET", f"/api/workflow/status/{run_id}", quiet=True)["status"] != "running":
            return
        time.sleep(0.02)
    raise SystemExit(f"run {run_id} did not settle")


class Said:
    """Forwards the server's output, and keeps its line about the first owner."""

    def __init__(self, output: IO[bytes]) -> None:
        self.owner_line = ""
        threading.Thread(target=self._repeat, args=(output,), daemon=True).start()

    def _repeat(self, output: IO[bytes]) -> None:
        for line in output:
            text = line.decode(errors="replace")
            if text.startswith("No owner"):
                self.owner_line = text.strip()
            print(text, end="", flush=True)


def wait_until_ready(server: subprocess.Popen[bytes], data: Path, address: str) -> None:
    """Wait until the server takes requests; exit if it does not start.

    The server opens the port before the folder; once it has the folder, the port is surely its own.
    """
    for _ in range(300):
        if server.poll() is not None:
            raise SystemExit(server.returncode)
        try:
            if holder(data).get("pid") == server.pid and httpx.get(f"{address}/readyz").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise SystemExit("the server did not become ready within 15 seconds")


def take(data: Path, address: str) -> None:
    """Take the tour with a key of its own, which is disabled once the tour has ended."""
    own = key(data, "create", "--role", "editor", "--name", _NAME)
    try:
        shell = Shell(address, own["key"])
        if load_samples(shell):
            walk(shell)
    finally:
        key(data, "disable", own["id"])


def keys(data: Path) -> list[dict[str, Any]]:
    """Return the keys of the folder, disabled ones too."""
    found: list[dict[str, Any]] = key(data, "list")["keys"]
    return found


def key(data: Path, *arguments: str) -> Any:
    """Run `stepwell key` and return its JSON."""
    command: list[str | Path] = [
        STEPWELL,
        "key",
        *arguments,
        "--data",
        data,
        "--tenant",
        TENANT,
        "--json",
    ]
    return json.loads(subprocess.check_output(command))


def main() -> int:
    """Return the exit code of the server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", default="8080")
    parser.add_argument("--once", action="store_true", help="stop the server after the tour")
    options = parser.parse_args()
    address = f"http://{options.host}:{options.port}"
    place = ["--data", options.data, "--host", options.host, "--port", options.port]
    server = subprocess.Popen([STEPWELL, "serve", *place], stdout=subprocess.PIPE)
    assert server.stdout is not None  # noqa: S101 - a pipe
    said = Said(server.stdout)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    try:
        wait_until_ready(server, options.data, address)
        if not any(one["name"] == _NAME and one["disabledAt"] for one in keys(options.data)):
            take(options.data, address)
        print(f"\nStepwell serves at {address} (API page: {address}/docs). Ctrl-C stops it.")
        print(said.owner_line or "Open it in a browser and sign in.")
        sys.stdout.flush()
        if options.once:
            server.terminate()
        return server.wait()
    except KeyboardInterrupt:
        return server.wait()
    finally:
        if server.poll() is None:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    sys.exit(main())
