import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest

from journal import run_number
from tests.harness.server import Server

HARNESS = Path(__file__).parents[1] / "harness"
LIMIT_MS = 50
full = pytest.mark.skipif("STEPWELL_LOAD" not in os.environ, reason="a part of `make load-test`")
TOKEN = "metrics-token-of-the-tests"
Load: TypeAlias = Callable[..., Server]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """Start servers with the load plug-ins; settings are lower-case keyword arguments."""
    with ExitStack() as running:

        def begin(name: str = "server", **settings: object) -> Server:
            plugins = [HARNESS / "plugin.py", HARNESS / "load_plugin.py", HARNESS / "stalls.py"]
            environment = {
                key if key.isupper() else f"STEPWELL_{key.upper()}": str(value)
                for key, value in settings.items()
            }
            folder = tmp_path / name
            folder.mkdir()
            server = Server(
                folder / "data",
                plugins[0],
                **{
                    "STEPWELL_PLUGINS": ",".join(map(str, plugins)),
                    "STEPWELL_METRICS_TOKEN": TOKEN,
                    "STEPWELL_EVENT_LOOP": "asyncio",  # its callbacks can be measured
                    "LOOP_CALLBACKS": str(folder / "callbacks.jsonl"),
                    **environment,
                },
            )
            return running.enter_context(server)

        yield begin


def callbacks(server: Server) -> list[dict[str, Any]]:
    """Return the long callbacks of the server's event loop, longest first."""
    file = server.data.parent / "callbacks.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return sorted(map(json.loads, lines), key=lambda line: -line["ms"])


def chain(steps: list[dict[str, Any]], name: str) -> dict[str, Any]:
    ids = [*(step["id"] for step in steps), "end"]
    return {
        "id": name, "name": name, "initialStep": ids[0],
        "steps": [*steps, {"id": "end", "type": "end-flow"}],
        "edges": [{"from": a, "to": b} for a, b in pairwise(ids)],
    }  # fmt: skip


def naps(count: int, seconds: float) -> list[dict[str, Any]]:
    return [
        {"id": f"nap{i}", "type": "call-tool", "toolId": "nap", "inputs": {"seconds": seconds}}
        for i in range(count)
    ]


def thoughts(count: int) -> list[dict[str, Any]]:
    """Return steps without external effects."""
    inputs = {"n": "{{ data.n | default(0) }}"}
    return [
        {"id": f"t{i}", "type": "call-tool", "toolId": "transform", "inputs": inputs}
        for i in range(count)
    ]


def metric(server: Server, name: str) -> float:
    shown = httpx.get(f"{server.address}/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    return sum(
        float(line.rpartition(" ")[2])
        for line in shown.text.splitlines()
        if line.partition(" ")[0].partition("{")[0] == f"stepwell_{name}"
    )


def nothing_long(server: Server) -> None:
    found = callbacks(server)
    print(f"{len(found)} callbacks over 25 ms, the longest {found[0] if found else None}")
    assert [item for item in found if item["ms"] > LIMIT_MS] == []


def ended(server: Server, run_ids: Iterable[str], within: float = 60) -> set[str]:
    """Wait until all these runs have ended; return their statuses."""
    numbers = json.dumps([run_number(run_id) for run_id in run_ids])
    until = time.monotonic() + within
    while True:
        with closing(sqlite3.connect(server.data / "journal.sqlite3")) as journal:
            rows = journal.execute(
                "SELECT status, count(*) FROM runs WHERE id IN (SELECT value FROM json_each(?))"
                " GROUP BY status",
                (numbers,),
            ).fetchall()
        found = dict(rows)
        assert sum(found.values()) == len(json.loads(numbers)), "an accepted run is lost"
        if "running" not in found:
            return set(found)
        assert time.monotonic() < until, found
        time.sleep(0.1)
