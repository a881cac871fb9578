"""A -wal file that was lost after a kill stops the start; intact files do not."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.conftest import PLUGIN
from tests.harness.processes import run
from tests.harness.server import Server

DATABASE, WAL = "journal.sqlite3", "journal.sqlite3-wal"
SAID = "what was committed last is in journal.sqlite3-wal, which is missing, empty or damaged"
WAITING = {
    "id": "waiting", "name": "Waiting", "initialStep": "act",
    "steps": [{"id": "act", "type": "request-user-action"}, {"id": "end", "type": "end-flow"}],
    "edges": [{"from": "act", "to": "end"}],
}  # fmt: skip


def ran(command: str, *arguments: object) -> tuple[int, str]:
    """Run a command that ends by itself; return its exit code and output."""
    ended = run(command, *arguments, installed=command == "accept-loss")
    return ended.returncode, ended.stdout + ended.stderr


def refused(folder: Path) -> str:
    code, said = ran("serve", "--data", folder, "--port", 0, "--log-level", "warning")
    assert (code, said.count("\n")) == (1, 1), said
    return said


def start(client: httpx.Client, times: int = 1, text: str = "") -> list[str]:
    body = {"data": {"text": text}}
    answers = [client.post("/api/workflow/start/waiting", json=body) for _ in range(times)]
    return [str(answer.json()["runId"]) for answer in answers]


def known(server: Server) -> set[str]:
    with server.client() as client:
        return {run["runId"] for run in client.get("/api/workflow/runs?limit=200").json()["runs"]}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data", PLUGIN) as server:
        with server.client() as client:
            client.post("/api/workflows", json=WAITING)
        yield server


def moved_to(folder: Path) -> Server:
    return Server(folder, PLUGIN)


@pytest.mark.parametrize("left", [None, bytes(5_000), b"7\x7f\x06\x82" + bytes(5_000)])
def test_a_lost_wal_stops_the_start_until_it_is_back(
    server: Server, tmp_path: Path, left: bytes | None
) -> None:
    with server.client() as client:
        runs = start(client, 3)
    server.kill()
    wal = (server.data / WAL).rename(tmp_path / "wal")
    if left is not None:
        (server.data / WAL).write_bytes(left)
    before = (server.data / DATABASE).read_bytes()
    said = refused(server.data)
    assert SAID in said
    assert f"stepwell accept-loss --data {server.data}" in said
    code, found = ran("doctor", "--data", server.data)
    assert (code, SAID in found) == (1, True)
    for command in ("backup", "restore"):
        place = ("--to" if command == "backup" else "--from", tmp_path / "copy")
        source = server.data
        if command == "restore":
            place, source = ("--from", server.data), tmp_path / "restored"
        code, said = ran(command, "--data", source, *place)
        assert (code, SAID in said) == (1, True), said
    assert SAID in refused(server.data), "looking at it has made the loss unseen"
    assert (server.data / DATABASE).read_bytes() == before
    wal.rename(server.data / WAL)
    server.start()
    assert known(server) == set(runs)


def test_a_loss_can_be_accepted(server: Server) -> None:
    with server.client() as client:
        start(client, 3)
    server.terminate()
    server.start()
    with server.client() as client:
        start(client, 3)
    kept = known(server)
    server.kill()
    (server.data / WAL).unlink()
    assert SAID in refused(server.data)
    code, said = ran("accept-loss", "--data", server.data)
    assert (code, said.splitlines()[-1]) == (0, "3 runs, 9 events, 0 faults")
    code, said = ran("accept-loss", "--data", server.data)
    assert (code, "has lost nothing" in said) == (1, True)
    server.start()
    left = known(server)
    assert len(left) == 3
    assert left < kept


def test_a_lost_wal_is_also_noticed_after_checkpoints(server: Server, tmp_path: Path) -> None:
    def checkpointed() -> bool:
        return (server.data / DATABASE).stat().st_mtime_ns > made

    made = (server.data / DATABASE).stat().st_mtime_ns
    with server.client() as client:
        for _ in range(400):
            start(client, 10, "x" * 20_000)
            if checkpointed():
                break
        assert checkpointed(), "no checkpoint was met"
        start(client)
    # A copy of the database alone, made while the server runs, lacks the -wal file's contents.
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(server.data / DATABASE, copy)
    assert SAID in refused(copy)
    server.kill()
    (server.data / WAL).unlink()
    (server.data / WAL).touch()
    assert SAID in refused(server.data)


def test_a_folder_with_only_a_wal_is_not_taken_for_new(server: Server) -> None:
    with server.client() as client:
        start(client)
    server.kill()
    for name in (DATABASE, "stepwell.json"):
        (server.data / name).unlink()
    wal = (server.data / WAL).read_bytes()
    said = refused(server.data)
    assert "is missing, though this folder has held a database" in said
    assert (server.data / WAL).read_bytes() == wal


def as_it_is(data: Path, copy: Path) -> None:
    shutil.copytree(data, copy, ignore=shutil.ignore_patterns("*.sock"))


def looked_at(data: Path, copy: Path) -> None:
    """Open and close the copy with `sqlite3`, which writes back and removes the -wal file."""
    as_it_is(data, copy)
    with closing(sqlite3.connect(copy / DATABASE)) as connection:
        connection.execute("SELECT count(*) FROM runs").fetchone()
    assert not (copy / WAL).exists()


def examined(data: Path, copy: Path) -> None:
    as_it_is(data, copy)
    assert ran("doctor", "--data", copy)[0] == 0


def by_hand(data: Path, copy: Path) -> None:
    """Copy with `.backup` of `sqlite3`."""
    copy.mkdir()
    with (
        closing(sqlite3.connect(data / DATABASE)) as old,
        closing(sqlite3.connect(copy / DATABASE)) as new,
    ):
        old.backup(new)


def restored(data: Path, copy: Path) -> None:
    backup = data.parent / "backup"
    assert ran("backup", "--data", data, "--to", backup)[0] == 0
    assert ran("restore", "--from", backup, "--data", copy)[0] == 0


def restored_from_what_was_left(data: Path, copy: Path) -> None:
    assert (data / WAL).stat().st_size > 0
    code, said = ran("restore", "--from", data, "--data", copy)
    assert code == 0, said


@pytest.mark.parametrize(
    "make", [as_it_is, looked_at, examined, by_hand, restored, restored_from_what_was_left]
)
def test_a_complete_copy_starts(
    server: Server, tmp_path: Path, make: Callable[[Path, Path], None]
) -> None:
    with server.client() as client:
        runs = start(client, 3)
    if make in (by_hand, restored):
        make(server.data, tmp_path / "copy")
    server.kill()
    if make not in (by_hand, restored):
        make(server.data, tmp_path / "copy")
    with moved_to(tmp_path / "copy") as copied:
        assert known(copied) == set(runs)


def test_a_graceful_stop_leaves_a_complete_database(server: Server, tmp_path: Path) -> None:
    with server.client() as client:
        runs = start(client, 3)
    assert server.terminate() == 0
    assert not (server.data / WAL).exists()
    (tmp_path / "copy").mkdir()
    shutil.copy(server.data / DATABASE, tmp_path / "copy")
    with moved_to(tmp_path / "copy") as copied:
        assert known(copied) == set(runs)
