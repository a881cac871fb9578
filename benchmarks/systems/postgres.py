"""PostgreSQL from Debian's package, in a separate folder with default settings (fsync on)."""

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from benchmarks.process import Process, folder_bytes, free_ports
from benchmarks.systems.base import NotHere


def find_postgres() -> Path:
    """Return the folder of its programs. Raises `NotHere`."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    for folder in [*folders, *([Path(found).resolve().parent] if found else [])]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise NotHere("PostgreSQL is not installed (Debian: apt-get install postgresql)")


class Postgres:
    """One cluster; since PostgreSQL refuses to run as root, root runs it as `postgres`."""

    def __init__(self, folder: Path) -> None:
        self._programs = find_postgres()
        self._data = folder / "postgres"
        self._log = folder / "postgres.log"
        (self._port,) = free_ports(1)
        self._user = "postgres" if os.geteuid() == 0 else None
        self._data.mkdir()
        if self._user:
            try:
                who = pwd.getpwnam(self._user)
            except KeyError:
                raise NotHere("there is no user postgres to run it as") from None
            os.chown(self._data, who.pw_uid, who.pw_gid)
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", "bench", "--no-instructions")

    @property
    def url(self) -> str:
        return f"postgresql://bench@127.0.0.1:{self._port}/bench"

    def start(self) -> Process:
        """Start, wait until it answers, and create the database if it does not exist."""
        process = Process(
            [
                self._programs / "postgres", "-D", self._data, "-p", str(self._port),
                "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
            ],
            self._log,
            user=self._user,
            cwd=Path("/"),
        )  # fmt: skip
        ready = ["-h", "127.0.0.1", "-p", str(self._port), "-U", "bench"]
        process.wait_until(lambda: self._succeeds("pg_isready", "-q", *ready), 60)
        self._succeeds("createdb", *ready, "bench")
        return process

    @staticmethod
    def stop(process: Process) -> None:
        """Stop gracefully regardless of clients, which also writes a checkpoint."""
        process.stop(how=signal.SIGINT)

    def stored_bytes(self) -> int:
        """Return the size of tables and indexes; the write-ahead log is recycled, of fixed size."""
        return folder_bytes(self._data / "base")

    def _succeeds(self, program: str, *arguments: str) -> bool:
        command = [str(self._programs / program), *arguments]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self._programs / program), *map(str, arguments)]
        subprocess.run(
            command, check=True, capture_output=True, cwd="/", user=self._user,
            extra_groups=[] if self._user else None,
        )  # fmt: skip
