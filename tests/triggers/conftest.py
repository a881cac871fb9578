"""A server whose clock can be moved, and workflows for it."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import PLUGIN
from tests.harness.server import Server

LOAD_PLUGIN = PLUGIN.with_name("load_plugin.py")


class Clocked(Server):
    """A server with an adjustable clock."""

    def __init__(self, folder: Path) -> None:
        self._offset = folder / "offset"
        self._offset.write_text("0")
        super().__init__(
            folder / "data",
            PLUGIN,
            STEPWELL_PLUGINS=f"{PLUGIN},{LOAD_PLUGIN}",
            CLOCK_OFFSET=str(self._offset),
        )

    def set_clock(self, moment: str) -> None:
        """Set the server's clock to an ISO date with a zone."""
        self.at(datetime.fromisoformat(moment).timestamp())

    def at(self, seconds: float) -> None:
        offset_ms = round((seconds - time.time()) * 1_000)
        fresh = self._offset.with_suffix(".new")
        fresh.write_text(str(offset_ms))
        fresh.replace(self._offset)

    def rows(self, sql: str, *values: object) -> list[Any]:
        """Query the file of the journal."""
        with closing(sqlite3.connect(self.data / "journal.sqlite3", timeout=30)) as journal:
            return journal.execute(sql, values).fetchall()

    def damage(self, run_id: str) -> None:
        """Change an event of a run in the file of the journal, so that it cannot be read."""
        number = int(run_id.rpartition("-")[2])
        with (
            closing(sqlite3.connect(self.data / "journal.sqlite3", timeout=30)) as journal,
            journal,
        ):
            journal.execute("PRAGMA wal_autocheckpoint = 0")  # only the server writes them back
            journal.execute("UPDATE events SET body = '{}' WHERE run = ?", (number,))

    def started(self, schedule_id: str) -> list[str]:
        """Return the times at which a schedule has started a run, as ISO dates in UTC."""
        prefix = f"schedule:{schedule_id}:"
        found = self.rows("SELECT key FROM start_keys WHERE key LIKE ? ORDER BY key", f"{prefix}%")
        return [key.removeprefix(prefix) for (key,) in found]


def until(found: Callable[[], Any], wanted: Callable[[Any], bool], within_s: float = 90) -> Any:
    """Wait until `found` returns what `wanted` accepts, and return it."""
    end = time.monotonic() + within_s
    while not wanted(now := found()):
        assert time.monotonic() < end, now
        time.sleep(0.03)
    return now


@pytest.fixture(scope="module")
def clocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clocked]:
    with Clocked(tmp_path_factory.mktemp("clocked")) as server:
        yield server


@pytest.fixture
def sender() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30) as client:
        yield client


def nothing_to_do(name: str, **more: Any) -> dict[str, Any]:
    """Return a workflow that ends at once."""
    return {"id": name, "name": name, "initialStep": "end",
            "steps": [{"id": "end", "type": "end-flow"}], **more}  # fmt: skip


def asking(name: str) -> dict[str, Any]:
    """Return a workflow that waits for a person."""
    steps = [{"id": "ask", "type": "request-user-action"}, {"id": "end", "type": "end-flow"}]
    return {"id": name, "name": name, "initialStep": "ask", "steps": steps,
            "edges": [{"from": "ask", "to": "end"}]}  # fmt: skip
