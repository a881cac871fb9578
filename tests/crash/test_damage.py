"""Damaged files: either the start is refused, or only the damaged runs stop."""

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from journal import Journal, WalMissing, clear_wal_mark
from tests.conftest import PLUGIN
from tests.harness.appending import load, opened
from tests.harness.processes import run
from tests.harness.server import Server, settled
from tests.harness.vfs import watched

DATABASE = "journal.sqlite3"
CANARY = "canary-in-the-journal"
WAITING = {
    "id": "waiting", "name": "Waiting", "initialStep": "act",
    "steps": [{"id": "act", "type": "request-user-action"}, {"id": "end", "type": "end-flow"}],
    "edges": [{"from": "act", "to": "end"}],
}  # fmt: skip


def serve(data: Path) -> tuple[int, str]:
    """Try to start a server; return its exit code and output."""
    ended = run("serve", "--data", data, "--port", "0", "--log-level", "warning")
    return ended.returncode, ended.stderr


async def _fill(folder: Path) -> None:
    with watched(folder) as disk:
        async with opened(folder) as journal:
            assert await load(journal, disk, random.Random(1), appends=100) == []


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("used")
    asyncio.run(_fill(folder))
    return folder


@pytest.fixture
def data(used: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(used, tmp_path / "data"))


def empty(file: Path) -> None:
    file.write_bytes(b"")


def garbage(file: Path) -> None:
    file.write_bytes(random.Random(1).randbytes(20_000))


def half(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")


def foreign(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")


def gone(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize(("harm", "said"), [
    (empty, "is empty"), (garbage, "is not a usable database"), (half, "is not a usable database"),
    (newer, "newer Stepwell"), (foreign, "is not a Stepwell database"), (gone, "is missing"),
])  # fmt: skip
def test_a_damaged_or_foreign_file_stops_the_start_and_stays_unchanged(
    data: Path, harm: Callable[[Path], None], said: str
) -> None:
    file = data / DATABASE
    harm(file)
    before = file.read_bytes() if file.exists() else None
    code, shown = serve(data)
    assert (code, shown.count("\n")) == (1, 1), shown
    assert said in shown
    assert "It has been left as it is: restore it from a backup" in shown
    assert (file.read_bytes() if file.exists() else None) == before
    assert not list(data.glob("*.new*"))


def test_a_database_locked_by_another_program_stops_the_start(data: Path) -> None:
    with closing(sqlite3.connect(data / DATABASE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        code, shown = serve(data)
    assert code == 1
    assert "another program has it open; close that program and start again" in shown


async def test_without_its_wal_file_a_journal_is_older_but_sound(tmp_path: Path) -> None:
    with watched(tmp_path / "data") as disk:
        async with opened(tmp_path / "data") as journal:
            await load(journal, disk, random.Random(1), appends=100)
            copy = tmp_path / "copy"
            shutil.copytree(
                tmp_path / "data", copy, ignore=shutil.ignore_patterns("*-wal", "*-shm")
            )
    with pytest.raises(WalMissing):
        await Journal.open(copy)
    assert clear_wal_mark(copy / DATABASE)
    async with opened(copy) as journal:
        assert await journal._readers.all("PRAGMA quick_check") == [("ok",)]


def run_of(client: httpx.Client, **data: Any) -> str:
    answer = client.post("/api/workflow/start/waiting", json={"data": data})
    return str(answer.json()["runId"])


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> tuple[Server, list[str]]:
    """Return a stopped server with four paused runs, two of them with a canary in their data."""
    server = Server(tmp_path_factory.mktemp("before") / "data", PLUGIN)
    with server, server.client() as client:
        client.post("/api/workflows", json=WAITING)
        texts = ("", f"{CANARY}-1", f"{CANARY}-2", "")
        runs = [run_of(client, text=text) for text in texts]
        assert server.terminate() == 0
    return server, runs


@pytest.fixture
def stopped(before: tuple[Server, list[str]], tmp_path: Path) -> tuple[Server, list[str]]:
    """Return a copy of that server."""
    server = Server(tmp_path / "data", PLUGIN)
    server._keys = dict(before[0]._keys)
    shutil.copytree(before[0].data, server.data)
    return server, before[1]


def test_a_flipped_bit_stops_one_run(stopped: tuple[Server, list[str]]) -> None:
    server, runs = stopped
    file = server.data / DATABASE
    content = bytearray(file.read_bytes())
    # One flip changes a letter, the other makes the text invalid.
    for number, bit in ((1, 0x01), (2, 0x80)):
        canary = f"{CANARY}-{number}".encode()
        assert content.count(canary) == 1
        content[content.index(canary)] ^= bit
    file.write_bytes(content)
    decision = {"type": "request_user_action", "actionId": "act", "actionValue": "approved"}
    with server, server.client() as client:
        for run_id in runs[1:3]:
            for answer in (
                client.get(f"/api/workflow/status/{run_id}"),
                client.post(f"/api/workflow/resume/{run_id}", json=decision),
            ):
                assert answer.status_code == 500, answer.text
                assert CANARY[1:] not in answer.text
            said = f"event 1 of run {run_id} does not follow from the one before it"
            assert said in server.log.read_text()
        for run_id in (runs[0], runs[3]):
            assert client.get(f"/api/workflow/status/{run_id}").json()["status"] == "paused"
        assert client.get("/readyz").status_code == 200
        assert CANARY[1:] not in server.log.read_text()


def test_a_corrupt_running_run_is_logged_once_and_stops(tmp_path: Path) -> None:
    nap = {"id": "nap", "type": "wait", "duration": "1s"}
    napping = {**WAITING, "id": "napping", "initialStep": "nap", "steps": [nap, *WAITING["steps"]],
               "edges": [{"from": "nap", "to": "act"}, *WAITING["edges"]]}  # fmt: skip
    with Server(tmp_path / "data", PLUGIN) as server, server.client() as client:
        client.post("/api/workflows", json=napping)
        runs = [client.post("/api/workflow/start-async/napping").json()["runId"] for _ in range(2)]
        server.kill()
        with closing(sqlite3.connect(server.data / DATABASE)) as journal, journal:
            number = int(runs[0].rpartition("-")[2])
            journal.execute("UPDATE events SET at_ms = 1 WHERE run = ? AND seq <= 2", (number,))
        server.start()
        assert settled(client, runs[1])["status"] == "paused"
        late = client.post("/api/workflow/start-async/napping").json()["runId"]
        assert settled(client, late)["status"] == "paused"
        assert client.get(f"/api/workflow/status/{runs[0]}").status_code == 500
        assert server.log.read_text().count("run stopped, a history is damaged") == 1


def test_a_corrupt_child_that_must_be_stopped_does_not_block_the_start(
    tmp_path: Path,
) -> None:
    calling = {
        "id": "calling", "name": "Calling", "initialStep": "call",
        "steps": [{"id": "call", "type": "call-workflow", "workflowId": "waiting"},
                  {"id": "end", "type": "end-flow"}],
        "edges": [{"from": "call", "to": "end"}],
    }  # fmt: skip
    with Server(tmp_path / "data", PLUGIN) as server, server.client() as client:
        for document in (WAITING, calling):
            assert client.post("/api/workflows", json=document).status_code == 201
        parent = client.post("/api/workflow/start/calling").json()["runId"]
        server.kill()
        with closing(sqlite3.connect(server.data / DATABASE)) as journal, journal:
            (child,) = journal.execute("SELECT id FROM runs WHERE parent IS NOT NULL").fetchone()
            journal.execute("UPDATE events SET at_ms = 1 WHERE run = ? AND seq <= 2", (child,))
            # As if the kill had come between the parent's end and the child's.
            journal.execute(
                "UPDATE runs SET status = 'terminated', state = 'terminated', ended_at_ms = 1"
                " WHERE id = ?", (int(parent.rpartition("-")[2]),)
            )  # fmt: skip
        server.start()
        assert run_of(client)
        # Logged by the stop, and by the clean-up that would follow.
        assert 1 <= server.log.read_text().count("run stopped, a history is damaged") <= 2


def test_a_broken_page_fails_only_requests_that_need_it(stopped: tuple[Server, list[str]]) -> None:
    server, runs = stopped
    file = server.data / DATABASE
    content = bytearray(file.read_bytes())
    page = content.index(CANARY.encode()) // 4_096 * 4_096
    content[page : page + 8] = b"\xff" * 8
    file.write_bytes(content)
    with server, server.client() as client:
        answer = client.get(f"/api/workflow/status/{runs[1]}")
        assert answer.status_code == 500
        assert "malformed" not in answer.text
        assert client.get("/api/workflows").status_code == 200
        assert client.get("/healthz").status_code == 200
        assert "has a broken page" in server.log.read_text()
