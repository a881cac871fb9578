"""Prefect: the flow in process, its server beside it."""

from pathlib import Path

from benchmarks.http_client import ask
from benchmarks.process import Process, free_ports
from benchmarks.systems.base import PYTHON, About, LibrarySystem


class Prefect(LibrarySystem):
    module = "benchmarks.peers.prefect_peer"
    about = About(
        "prefect",
        "Prefect 3, SQLite",
        "in process, its server over HTTP",
        "states by its server (SQLite WAL, synchronous=NORMAL), results as files without fsync; "
        "a killed process's flows are not carried on",
        recovers=False,
    )

    def prepare(self, folder: Path, environment: dict[str, str]) -> None:
        super().prepare(folder, environment)
        (port,) = free_ports(1)
        self._port = port
        self.environment |= {
            "PREFECT_HOME": str(folder / "home"),
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_ENABLED": "false",
            "PREFECT_LOGGING_LEVEL": "ERROR",
            "DO_NOT_TRACK": "1",
        }

    def launch(self) -> None:
        server = Process(
            [PYTHON, "-m", "prefect", "server", "start", "--port", str(self._port)],
            self.folder / "server.log",
            self.environment,
            cwd=self.folder,
        )
        self.processes.append(server)
        server.wait_until(lambda: bool(ask("GET", f"http://127.0.0.1:{self._port}/api/health")), 90)
        super().launch()
