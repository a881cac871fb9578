"""Restate: its server, and a Python service of two workers served by hypercorn."""

from pathlib import Path

from benchmarks.closed_loop import Load
from benchmarks.http_client import ask, requests
from benchmarks.process import Process, folder_bytes, free_ports
from benchmarks.systems.base import PYTHON, ROOT, VENV, About, NotHere, System, load_over
from benchmarks.systems.base import require_venv as _require_venv

_HYPERCORN = """
bind = "127.0.0.1:{port}"
h2_max_concurrent_streams = 2147483647
keep_alive_max_requests = 2147483647
keep_alive_timeout = 2147483647
workers = 2
"""


def find_server() -> Path:
    """Return the server's program. Raises `NotHere`."""
    folder = VENV / "node" / "node_modules" / "@restatedev"
    for program in folder.glob("restate-server-*/bin/restate-server"):
        return program
    raise NotHere("Restate's server is not installed (it comes from the npm registry)")


class Restate(System):
    about = About(
        "restate",
        "Restate",
        "HTTP",
        "each step's result before the next step begins; its log server with fsync, "
        "one node, all its defaults",
    )

    def prepare(self, folder: Path, environment: dict[str, str]) -> None:
        _require_venv()
        self._program = find_server()
        self._folder = folder
        self._ingress, self._admin, node, self._service = free_ports(4)
        self._environment = {
            "PYTHONPATH": str(ROOT),
            "RESTATE_LISTEN_MODE": "tcp",
            "RESTATE_BASE_DIR": str(folder / "restate"),
            "RESTATE_BIND_ADDRESS": f"127.0.0.1:{node}",
            "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{self._ingress}",
            "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{self._admin}",
            "RESTATE_DISABLE_TELEMETRY": "true",
            "RESTATE_LOG_FILTER": "warn",
            **environment,
        }
        (folder / "hypercorn.toml").write_text(_HYPERCORN.format(port=self._service))
        self._is_registered = False
        self._started = 0

    def launch(self) -> None:
        service = Process(
            [
                PYTHON, "-m", "hypercorn", "--config", "hypercorn.toml",
                "benchmarks.peers.restate_peer:app",
            ],
            self._folder / "service.log",
            self._environment,
            cwd=self._folder,
        )  # fmt: skip
        self.processes.append(service)
        server = Process(
            [self._program, "--no-logo"],
            self._folder / "server.log",
            self._environment,
            cwd=self._folder,
        )
        self.processes.append(server)
        server.wait_until(self._is_up, 90)
        if not self._is_registered:
            service.wait_until(self._register, 60)
            self._is_registered = True

    def load(self, callers: int, seconds: float, most: int) -> Load:
        call = requests(self._ingress, "POST", "/five/run", b'{"n": 1}', expect=b'"sum"')
        return load_over(call, callers, seconds, most)

    def start_gated(self, count: int) -> None:
        for _ in range(count):
            ask("POST", f"http://127.0.0.1:{self._ingress}/five/gated/send", {"n": 1})
        self._started += count

    def unfinished(self) -> int:
        """Return started runs minus completed ones, since the list is incomplete after a start."""
        try:
            return self._started - self._completed()
        except OSError:
            return self._started

    def stored_bytes(self) -> int:
        return folder_bytes(self._folder / "restate")

    def _completed(self) -> int:
        query = (
            "SELECT count(*) AS done FROM sys_invocation "
            "WHERE status = 'completed' AND target_handler_name = 'gated'"
        )
        rows = ask("POST", f"http://127.0.0.1:{self._admin}/query", {"query": query})["rows"]
        return int(rows[0]["done"])

    def _is_up(self) -> bool:
        ask("GET", f"http://127.0.0.1:{self._ingress}/restate/health")
        return self._completed() >= 0

    def _register(self) -> bool:
        address = {"uri": f"http://127.0.0.1:{self._service}"}
        return bool(ask("POST", f"http://127.0.0.1:{self._admin}/deployments", address))
