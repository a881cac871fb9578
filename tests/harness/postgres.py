"""A PostgreSQL server for the tests, in a temporary folder, over a Unix socket."""

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
    "wal_writer_delay": "10s",  # what a commit has not flushed is lost in a crash
}  # fmt: skip

_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Memory where available: tests kill processes, not machines, so nothing need reach a disk."""


@cache
def programs() -> Path | None:
    """Return the folder with `initdb` and `postgres`; None if they are not installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda at: at.parts[4])
    return folders[-1].parent if folders else None


class PostgresServer:
    """A server with an empty cluster, stopped immediately at the end."""

    def __init__(
        self, of: "PostgresServer | None" = None, within: Sequence[str] = (), **options: str
    ) -> None:
        """Create a cluster and start its server.

        Args:
            of: The primary, if this server is to be a standby.
            within: The command prefix that starts the server, such as one that enters a network.
            options: The server's settings.
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
            hosts.write("host all all all trust\n")  # no address is listened on by default
        self.start()

    def follow(self, primary: "PostgresServer") -> None:
        """Become a standby of another server, from a copy of its current data."""
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
        """Start the server, and wait until it accepts connections."""
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
        """Stop it immediately; SIGINT stops it gracefully."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait()

    def url(self, name: str = "postgres") -> str:
        """Return the address of a database."""
        port = f"&port={self._options['port']}" if "port" in self._options else ""
        return f"postgresql://stepwell@/{name}?host={self.folder}{port}"

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Execute a statement in the default database."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def database(self) -> Database:
        """Return a new schema for a journal: faster than a database of its own."""
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
    """Keep the journal of each folder in its own schema, in this process and in servers started.

    `files` are additional settings of these servers for the file storage.
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
