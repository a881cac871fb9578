"""DBOS Transact: in process on SQLite and PostgreSQL, and on SQLite behind a small endpoint."""

from pathlib import Path

from benchmarks.closed_loop import Load
from benchmarks.http_client import ask, requests
from benchmarks.process import Process, free_ports
from benchmarks.systems.base import PYTHON, About, LibrarySystem, load_over
from benchmarks.systems.postgres import Postgres

_ON_SQLITE = "each step's result before the next step begins; SQLite as it sets it (journal DELETE, synchronous=FULL)"  # noqa: E501


class DbosSqlite(LibrarySystem):
    module = "benchmarks.peers.dbos_peer"
    about = About("dbos-sqlite", "DBOS, SQLite", "in process", _ON_SQLITE)

    def arguments(self) -> list[str]:
        return ["--database", f"sqlite:///{self.folder / 'dbos.sqlite'}"]


class DbosSqliteHttp(DbosSqlite):
    """The same behind Starlette and uvicorn, for a comparison over HTTP on both sides."""

    about = About("dbos-sqlite-http", "DBOS, SQLite, over HTTP", "HTTP", _ON_SQLITE)

    def prepare(self, folder: Path, environment: dict[str, str]) -> None:
        super().prepare(folder, environment)
        (self._port,) = free_ports(1)
        self._address = f"http://127.0.0.1:{self._port}"

    def launch(self) -> None:
        process = Process(
            [PYTHON, "-m", self.module, *self.arguments(), "--port", str(self._port)],
            self.folder / "peer.log",
            self.environment,
            cwd=self.folder,
        )
        self.processes.append(process)
        process.wait_until(lambda: bool(ask("GET", f"{self._address}/unfinished")), 60)

    def load(self, callers: int, seconds: float, most: int) -> Load:
        call = requests(self._port, "POST", "/five", b"{}", expect=b'"sum":5')
        return load_over(call, callers, seconds, most)

    def start_gated(self, count: int) -> None:
        ask("POST", f"{self._address}/gated?count={count}", {})

    def unfinished(self) -> int:
        return int(ask("GET", f"{self._address}/unfinished")["unfinished"])


class DbosPostgres(LibrarySystem):
    module = "benchmarks.peers.dbos_peer"
    about = About(
        "dbos-postgres",
        "DBOS, PostgreSQL",
        "in process, its database over TCP",
        "each step's result before the next step begins; PostgreSQL's defaults "
        "(fsync=on, synchronous_commit=on)",
    )

    def prepare(self, folder: Path, environment: dict[str, str]) -> None:
        super().prepare(folder, environment)
        folder.chmod(0o755)
        self._postgres = Postgres(folder)

    def arguments(self) -> list[str]:
        return ["--database", self._postgres.url]

    def launch(self) -> None:
        self.processes.append(self._postgres.start())
        super().launch()

    def stop(self) -> None:
        while len(self.processes) > 1:
            self.processes.pop().stop()
        if self.processes:
            self._postgres.stop(self.processes.pop())

    def stored_bytes(self) -> int:
        return self._postgres.stored_bytes()
