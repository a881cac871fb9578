"""A PostgreSQL primary and its standby, in a network that can be cut.

Where the user may create networks, each process of a test reaches the servers over its own pair
of virtual interfaces. A cut interface drops every packet without an error.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Self

from journal import Database
from tests.harness.postgres import PostgresServer

_SCHEMA = "stepwell_pair"
_PORTS = ("5501", "5502")


class Network:
    """A network namespace for the servers, with paths to it that can be cut one by one."""

    def __init__(self, ways: int) -> None:
        self.name = f"stepwell-{os.getpid()}"
        self.ways = ways
        self._number = os.getpid() % 200
        _ip("netns", "add", self.name)
        _ip("-n", self.name, "link", "set", "lo", "up")
        for way in range(ways):
            here, there = self._ends(way)
            _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", self.name)
            _ip("addr", "add", f"10.{self._number}.{way}.1/30", "dev", here)
            _ip("-n", self.name, "addr", "add", f"{self.address(way)}/30", "dev", there)
            _ip("link", "set", here, "up")
            self.mend(way)

    @staticmethod
    def is_possible() -> bool:
        """Return whether this user may create networks."""
        if os.geteuid() or not shutil.which("ip") or not shutil.which("setpriv"):
            return False
        made = subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False)
        return made.returncode == 0

    @property
    def within(self) -> Sequence[str]:
        """Return the command prefix that runs a program in the network as PostgreSQL's user."""
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        return ("ip", "netns", "exec", self.name, *user)

    def address(self, way: int) -> str:
        """Return the address of the servers over one path."""
        return f"10.{self._number}.{way}.2"

    def cut(self, way: int) -> None:
        """Drop all packets of a path."""
        _ip("-n", self.name, "link", "set", self._ends(way)[1], "down")

    def mend(self, way: int) -> None:
        """Stop dropping packets."""
        _ip("-n", self.name, "link", "set", self._ends(way)[1], "up")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(subprocess.CalledProcessError):
            _ip("netns", "del", self.name)

    def _ends(self, way: int) -> tuple[str, str]:
        return f"sw{self._number}-{way}", f"db{self._number}-{way}"


class Pair:
    """A primary and a standby with synchronous replication: no commit is lost by a failover."""

    def __init__(self, network: Network | None) -> None:
        self.network = network
        within = network.within if network else ()
        listen = "*" if network else ""
        self.primary = PostgresServer(within=within, port=_PORTS[0], listen_addresses=listen)
        self.standby = PostgresServer(self.primary, within, port=_PORTS[1], listen_addresses=listen)
        self._servers = (self.primary, self.standby)
        self._is_followed()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *given: object) -> None:
        for server in self._servers:
            server.__exit__(*given)

    def database(self, way: int) -> Database:
        """Return the journal's database, as the process on this path reaches it."""
        where = (
            self.network.address(way) if self.network else str(server.folder)
            for server in self._servers
        )  # fmt: skip
        return Database(
            f"postgresql://stepwell@/postgres?host={','.join(where)}&port={','.join(_PORTS)}"
            "&target_session_attrs=read-write",
            _SCHEMA,
        )

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Execute a statement on the primary."""
        return self.primary.execute(sql)

    def fail_over(self) -> None:
        """Stop the primary immediately, and promote the standby."""
        self.primary.stop()
        self.standby.execute("SELECT pg_promote()")
        self.primary, self.standby = self.standby, self.primary

    def follow(self) -> None:
        """Make the former primary a standby of the new one."""
        self.standby.follow(self.primary)
        self._is_followed()

    def _is_followed(self) -> None:
        """Require that the standby has each commit before it is acknowledged."""
        self.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.execute("SELECT pg_reload_conf()")
        until = time.monotonic() + 60
        while self.execute("SELECT sync_state FROM pg_stat_replication") != [("sync",)]:
            assert time.monotonic() < until
            time.sleep(0.05)

    def restart(self) -> None:
        """Stop the primary immediately, and start it again."""
        self.primary.stop()
        self.primary.start()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
