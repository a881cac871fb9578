"""Temporal: its development server on a file, and a Python process with worker and callers."""

import socket
from pathlib import Path

from benchmarks.process import Process, folder_bytes, free_ports
from benchmarks.systems.base import VENV, About, LibrarySystem, NotHere

_PROGRAM = VENV / "bin" / "temporal"


class Temporal(LibrarySystem):
    module = "benchmarks.peers.temporal_peer"
    about = About(
        "temporal",
        "Temporal",
        "in process, its server over gRPC",
        "each step's result before the next step begins; its development server on a file "
        "(SQLite as it sets it), the one that needs no cluster",
    )

    def prepare(self, folder: Path, environment: dict[str, str]) -> None:
        super().prepare(folder, environment)
        if not _PROGRAM.exists():
            raise NotHere("Temporal's server is not installed (it comes from PyPI)")
        self._store = folder / "temporal"
        self._store.mkdir()
        (self._port,) = free_ports(1)

    def arguments(self) -> list[str]:
        return [
            "--server", f"127.0.0.1:{self._port}", "--started", str(self.folder / "started"),
        ]  # fmt: skip

    def launch(self) -> None:
        server = Process(
            [
                _PROGRAM, "server", "start-dev", "--headless", "--ip", "127.0.0.1",
                "--port", str(self._port), "--db-filename", self._store / "temporal.sqlite",
                "--log-level", "error",
            ],
            self.folder / "server.log",
            {**self.environment, "HOME": str(self.folder)},
            cwd=self.folder,
        )  # fmt: skip
        self.processes.append(server)
        server.wait_until(self._is_up, 60)
        super().launch()

    def stored_bytes(self) -> int:
        return folder_bytes(self._store)

    def _is_up(self) -> bool:
        with socket.create_connection(("127.0.0.1", self._port), timeout=1):
            return True
