"""A PostgreSQL server of the tests' own, in a temporary folder, over a Unix socket."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest

from journal import Database, Journal
from tests.harness.server import Server

_OPTIONS = {
    "listen_addresses": "", "unix_socket_directories": ".", "shared_buffers": "32MB",
    "max_connections": "200", "log_min_messages": "warning",
}  # fmt: skip

_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where there is no disk to wait for; what tests kill is processes, not machines."""


OF_THE_FOLDER = (
    "uploads.py::test_a_repeated", "files_and_store.py::test_files_are", "first_owner.py::test_the_code",
    "metrics.py::test_the_fig",
    "secrets.py::test_signing", "secrets.py::test_the_command", "secrets.py::test_what_a_server",
    "variables.py::test_the_end_of_a_list", "test_schedules.py", "test_gaps.py",
    "signals.py::test_ten", "signals.py::test_what_nobody",
    "canaries.py::test_no_file", "size.py::test_every_page", "files.py::test_no_name_is",
    "incoming.py::test_forms", "incoming.py::test_a_request_sends", "inherited_data.py::test_ten",
)  # fmt: skip
"""Tests that look at the SQLite file, or at files in the folder, by a part of their names."""


@cache
def programs() -> Path | None:
    """Return the folder with `initdb` and `postgres`, None where they are not installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda at: at.parts[4])
    return folders[-1].parent if folders else None


class PostgresServer:
    """A server with an empty cluster, stopped at once at the end."""

    def __init__(
        self, of: "PostgresServer | None" = None, within: Sequence[str] = (), **options: str
    ) -> None:
        """Make a cluster and start its server.

        Args:
            of: The server of which it is to be a standby.
            within: What the server is to be started by, as one that puts it in a network.
            options: What it is to be set to.
        """
        bin_folder = programs()
        assert bin_folder is not None
        self._bin = bin_folder
        self.folder = Path(tempfile.mkdtemp(prefix="stepwell-pg-", dir=_MEMORY))
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:  # PostgreSQL refuses to be run by root
            user = pwd.getpwnam("postgres" if _has_user("postgres") else "nobody")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self._within = within
        self._options = {**_OPTIONS, **options}
        self._names = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        if of is not None:
            self.follow(of)
            return
        self._run("initdb", "-D", "data", "-A", "trust", "-U", "stepwell", "-E", "UTF8",
                  "--locale=C", "--no-sync", "--no-instructions")  # fmt: skip
        with (self.folder / "data" / "pg_hba.conf").open("a") as hosts:
            hosts.write("host all all all trust\n")  # it listens to nobody unless it is told to
        self.start()

    def follow(self, primary: "PostgresServer") -> None:
        """Be a standby of another server, with a copy of what that has now."""
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        port = ["-p", primary._options["port"]] if "port" in primary._options else []
        self._run("pg_basebackup", "-D", "data", "-h", str(primary.folder), *port,
                  "-U", "stepwell", "-R", "-c", "fast", "--no-sync")  # fmt: skip
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._bin / program, *arguments], cwd=self.folder, check=True, capture_output=True,
            env={"PATH": os.environ["PATH"]}, **self._as,
        )  # fmt: skip

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [
            part for name, value in self._options.items() for part in ("-c", f"{name}={value}")
        ]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._within, self._bin / "postgres", "-D", "data", *options, "-k", self.folder],
                cwd=self.folder, env={"PATH": os.environ["PATH"]},
                stdout=subprocess.DEVNULL, stderr=log, **({} if self._within else self._as),
            )  # fmt: skip
        until = time.monotonic() + 30
        while True:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                assert time.monotonic() < until, (self.folder / "log").read_text()
                time.sleep(0.02)
            else:
                return

    def stop(self, how: int = signal.SIGQUIT) -> None:
        """Stop it at once; SIGINT stops it gracefully."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait()

    def url(self, name: str = "postgres") -> str:
        """Return the address of a database."""
        port = f"&port={self._options['port']}" if "port" in self._options else ""
        return f"postgresql://stepwell@/{name}?host={self.folder}{port}"

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Execute a statement in the first database."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def database(self) -> Database:
        """Return a place for a journal that nobody else has: making a schema is fast."""
        return Database(self.url(), f"stepwell_{next(self._names)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def kept_in(
    server: PostgresServer, patch: pytest.MonkeyPatch, files: Mapping[str, str] | None = None
) -> None:
    """Have the journal of each folder in a schema of its own, here and in servers started.

    `files` are settings of these servers that say where files are.
    """
    databases: dict[str, Database] = {}
    in_folder: Callable[..., Any] = Journal.open
    plain: Callable[..., None] = Server.__init__

    def database_of(folder: Path) -> Database:
        where = os.path.abspath(folder)  # noqa: PTH100 - no I/O
        if where not in databases:
            databases[where] = server.database()
        return databases[where]

    async def opened(folder: Path, *, database: Database | None = None, **given: Any) -> Journal:
        database = database or database_of(folder)
        journal: Journal = await in_folder(folder, database=database, **given)
        return journal

    def begun(self: Server, data: Path, plugin: Path, **environment: str) -> None:
        database = database_of(data)
        named = {
            "STEPWELL_DATABASE": database.url, "STEPWELL_DATABASE_SCHEMA": database.schema,
            "STEPWELL_DATABASE_READERS": "3", **(files or {}),
        }  # fmt: skip
        if files:
            named["STEPWELL_S3_PREFIX"] = f"{database.schema}/"
        plain(self, data, plugin, **{**named, **environment})

    patch.setattr(Journal, "open", opened)
    patch.setattr(Server, "__init__", begun)
