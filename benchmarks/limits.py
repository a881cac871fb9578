"""The limits of this machine, with which all other figures are compared."""

import asyncio
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import group_commit
from benchmarks.closed_loop import closed_loop
from benchmarks.http_client import ask, requests
from benchmarks.process import Process, free_ports

_BODY = "x" * 120
_CALLERS = (1, 64, 1_000)
_ROOT = Path(__file__).parents[1]


def flushes(folder: Path, seconds: float) -> float:
    """Return fdatasync calls per second, each after 4 KB at the end of a file."""
    file = os.open(folder / "flushed", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    try:

        def once() -> int:
            os.write(file, b"x" * 4_096)
            os.fdatasync(file)
            return 1

        return _rate(once, seconds)
    finally:
        os.close(file)


def commits(folder: Path, rows: int, seconds: float) -> float:
    """Return rows per second by plain sqlite3 in WAL mode at FULL, `rows` per transaction."""
    connection = sqlite3.connect(folder / f"plain-{rows}.sqlite3", isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, body TEXT)")

        def once() -> int:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO events (body) VALUES (?)", [(_BODY,)] * rows)
            connection.execute("COMMIT")
            return rows

        return _rate(once, seconds)
    finally:
        connection.close()


def _rate(once: Callable[[], int], seconds: float) -> float:
    began, done = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds:
        done += once()
    return done / passed


class EmptyServer:
    """A Starlette handler without work, under uvicorn: the cost of HTTP alone on this machine."""

    def __init__(self, folder: Path, http: str = "httptools", loop: str = "uvloop") -> None:
        """Start it on a parser of HTTP and an event loop; uvicorn alone comes with the slow ones.

        These are `h11` and `asyncio`. The others are the ones that Stepwell uses.
        """
        (self._port,) = free_ports(1)
        self.process = Process(
            [
                sys.executable, "-m", "uvicorn", "benchmarks.empty_app:app",
                "--port", str(self._port), "--no-access-log", "--log-level", "warning",
                "--http", http, "--loop", loop,
            ],
            folder / "empty.log",
            {"PYTHONPATH": str(_ROOT)},
        )  # fmt: skip
        address = f"http://127.0.0.1:{self._port}/"
        self.process.wait_until(lambda: bool(ask("GET", address)), 30)

    def rate(self, method: str, callers: int, seconds: float) -> float:
        body = b'{"data":{}}' if method == "POST" else b""
        call = requests(self._port, method, "/", body, expect=b"status")
        return asyncio.run(closed_loop(call, callers, seconds, 1_000_000)).rate


def measure(folder: Path, seconds: float) -> dict[str, float]:
    """Measure every limit once."""
    folder.mkdir(parents=True, exist_ok=True)
    server = EmptyServer(folder)
    plain = EmptyServer(folder, "h11", "asyncio")
    try:
        return {
            "fdatasync": flushes(folder, seconds),
            "commits": commits(folder, 1, seconds),
            **{f"group_{many}": group_commit.rate(folder, many, seconds) for many in _CALLERS},
            "rows_1000": commits(folder, 1_000, seconds),
            "http_get": server.rate("GET", 64, seconds),
            "http_post": server.rate("POST", 64, seconds),
            "plain_http_post": plain.rate("POST", 64, seconds),
        }
    finally:
        server.process.kill()
        plain.process.kill()
