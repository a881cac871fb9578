"""Several server processes on one database, each with its own folder."""

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from journal import Database
from tests.conftest import PLUGIN
from tests.harness.server import Server

KEY = base64.b64encode(bytes(range(32))).decode()


def process_on(database: Database, folder: Path, **environment: str) -> Server:
    """Return a server that is not yet started."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "STEPWELL_DATABASE": database.url, "STEPWELL_DATABASE_SCHEMA": database.schema,
        "STEPWELL_DATABASE_READERS": "3", "STEPWELL_SECRETS_KEY": KEY, "STEPWELL_METRICS_TOKEN": KEY, "STEPWELL_LOG_LEVEL": "info",
    }  # fmt: skip
    return Server(folder / "data", PLUGIN, **{**settings, **environment})


@contextmanager
def processes(
    database: Database | Callable[[int], Database], folder: Path, count: int, **environment: str
) -> Iterator[list[Server]]:
    """Start servers that share a database, and wait until the shards are balanced.

    `database` may be a function that returns the database for the process of a number.
    """

    def of(at: int) -> Database:
        return database if isinstance(database, Database) else database(at)

    with ExitStack() as stack:
        servers = [process_on(of(at), folder / f"{at}", **environment) for at in range(count)]
        for server in servers:
            server._keys = servers[0]._keys
            stack.enter_context(server)
        in_balance(servers)
        yield servers


def in_balance(servers: list[Server], within_s: float = 60) -> None:
    """Wait until each server has its share of the shards."""
    until = time.monotonic() + within_s
    wanted = {64 // len(servers), -(-64 // len(servers))}
    while not set(map(shards_of, servers)) <= wanted:
        assert time.monotonic() < until, [shards_of(server) for server in servers]
        time.sleep(0.05)


def shards_of(server: Server) -> int:
    """Return the number of shards that a server reports."""
    with server.client() as client:
        shown = client.get("/metrics", headers={"authorization": f"Bearer {KEY}"})
        for line in shown.text.splitlines():
            if line.startswith("stepwell_shards "):
                return int(float(line.split()[1]))
    raise AssertionError("it does not say")


def shard(run_id: str) -> Any:
    """Return the shard of a run."""
    return int(run_id.rpartition("-")[2]) % 64
