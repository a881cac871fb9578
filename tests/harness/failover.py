"""Two servers of PostgreSQL's, of which one follows the other, in a network that can be cut.

Each process of a test has a way of its own to them, a pair of virtual interfaces, where the machine
lets its user make networks; what is cut loses every packet, and nobody is told.
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
    """A network of its own for servers, with ways to it that can be cut one by one."""

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
        """Say whether this user may make networks."""
        if os.geteuid() or not shutil.which("ip") or not shutil.which("setpriv"):
            return False
        made = subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False)
        return made.returncode == 0

    @property
    def within(self) -> Sequence[str]:
        """What starts a program in it, by the user of PostgreSQL."""
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        return ("ip", "netns", "exec", self.name, *user)

    def address(self, way: int) -> str:
        """Return where the servers are, by one of the ways."""
        return f"10.{self._number}.{way}.2"

    def cut(self, way: int) -> None:
        """Lose all packets of a way."""
        _ip("-n", self.name, "link", "set", self._ends(way)[1], "down")

    def mend(self, way: int) -> None:
        """Lose none any more."""
        _ip("-n", self.name, "link", "set", self._ends(way)[1], "up")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(subprocess.CalledProcessError):
            _ip("netns", "del", self.name)

    def _ends(self, way: int) -> tuple[str, str]:
        return f"sw{self._number}-{way}", f"db{self._number}-{way}"


class Pair:
    """A primary, and a standby that has what a client was told before the client is told."""

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
        """Return the place of the journal, as the process of a way is to be told."""
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
        """Execute a statement at the primary."""
        return self.primary.execute(sql)

    def fail_over(self) -> None:
        """Stop the primary at once, and promote the standby."""
        self.primary.stop()
        self.standby.execute("SELECT pg_promote()")
        self.primary, self.standby = self.standby, self.primary

    def follow(self) -> None:
        """Have the former primary follow the new one."""
        self.standby.follow(self.primary)
        self._is_followed()

    def _is_followed(self) -> None:
        """Let no commit be told before the standby has it."""
        self.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.execute("SELECT pg_reload_conf()")
        until = time.monotonic() + 60
        while self.execute("SELECT sync_state FROM pg_stat_replication") != [("sync",)]:
            assert time.monotonic() < until
            time.sleep(0.05)

    def restart(self) -> None:
        """Stop the primary at once, and start it again."""
        self.primary.stop()
        self.primary.start()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
