"""Stepwell with its journal in PostgreSQL: one or more processes, callers distributed over them."""

import base64
from contextlib import AbstractAsyncContextManager
from itertools import cycle
from pathlib import Path

from benchmarks.closed_loop import Call, Connect, Load
from benchmarks.definitions import five
from benchmarks.stepwell_server import StepwellServer
from benchmarks.systems.base import About, System, load_over
from benchmarks.systems.postgres import Postgres

_KEY = base64.b64encode(bytes(32)).decode()


class StepwellPostgres(System):
    """Processes that share one database, which is included in the measurement."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count
        self.about = About(
            "stepwell-postgres" if count == 1 else f"stepwell-postgres-{count}",
            f"Stepwell, PostgreSQL, {count} process{'es' * (count > 1)}",
            "HTTP, its database over TCP",
            "each step's result before the next step begins; PostgreSQL's defaults "
            "(fsync=on, synchronous_commit=on)",
        )

    def prepare(self, folder: Path, environment: dict[str, str]) -> None:
        folder.chmod(0o755)
        self._folder = folder
        self._environment = {
            **environment,
            "STEPWELL_MAX_CONCURRENT_STEPS": "2000",
            "STEPWELL_SECRETS_KEY": _KEY,
        }
        self._postgres = Postgres(folder)
        self._servers: list[StepwellServer] = []

    def launch(self) -> None:
        self.processes.append(self._postgres.start())
        is_new = not self._servers
        if is_new:
            self._make()
        for server in self._servers:
            server.start()
            assert server.process
            self.processes.append(server.process)
        if is_new:
            self._servers[0].create(five("five", "add"))
            self._servers[0].create(five("gated", "add", gated_step=2))

    def _make(self) -> None:
        environment = {**self._environment, "STEPWELL_DATABASE": self._postgres.url}
        for number in range(self._count):
            folder = self._folder / f"process-{number}"
            folder.mkdir()
            beside = self._servers[0] if self._servers else None
            self._servers.append(StepwellServer(folder, environment, beside))

    def load(self, callers: int, seconds: float, most: int) -> Load:
        return load_over(_in_turns(self._servers), callers, seconds, most)

    def start_gated(self, count: int) -> None:
        for server, _ in zip(cycle(self._servers), range(count), strict=False):
            server.ask("POST", "/api/workflow/start-async/gated", {"data": {}})

    def unfinished(self) -> int:
        return self._servers[0].running()

    def stored_bytes(self) -> int:
        return self._postgres.stored_bytes()

    def stop(self) -> None:
        while len(self.processes) > 1:
            self.processes.pop().stop()
        if self.processes:
            self._postgres.stop(self.processes.pop())


def _in_turns(servers: list[StepwellServer]) -> Connect:
    """Return what connects the callers to the servers in rotation."""
    turns = cycle([server.starts("five") for server in servers])

    def connect() -> AbstractAsyncContextManager[Call]:
        return next(turns)()

    return connect
