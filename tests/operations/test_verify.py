"""`stepwell verify` finds every kind of tampering with a history."""

import subprocess
from contextlib import closing
from pathlib import Path

import pytest

import journal
from engine import Event, RunCompleted, RunResumed, StepCompleted, fold, seen_of
from journal import Verified, open_read_only
from tests.harness.journals import apart, change, completed, filled, paused
from tests.harness.processes import run
from tests.harness.server import Server

RUN, LATE = "dynamic-workflow-300", "dynamic-workflow-900"
SWAP = (
    "UPDATE events SET seq = 100 WHERE run = 300 AND seq = 2",
    "UPDATE events SET seq = 2 WHERE run = 300 AND seq = 3",
    "UPDATE events SET seq = 3 WHERE run = 300 AND seq = 100",
)
INSERT = "INSERT INTO events (run, seq, type, schema, at_ms, body, hash)"
COPY = (
    "UPDATE events SET seq = 4 WHERE run = 300 AND seq = 3",
    f"{INSERT} SELECT run, 3, type, schema, at_ms, body, hash FROM events WHERE run = 300 AND seq = 2",
)


def verify(folder: Path) -> Verified:
    with closing(open_read_only(folder / "journal.sqlite3")) as connection:
        return journal.verify(connection, lambda _: None)


def command(folder: Path) -> subprocess.CompletedProcess[str]:
    return run("verify", "--data", folder)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("sound")
    filled(folder, apart(paused), range(1, 601))
    filled(folder, apart(completed), [700])
    filled(folder, completed, range(800, 1_000))
    assert verify(folder) == Verified(801, 2604, [])
    return (folder / "journal.sqlite3").read_bytes()


@pytest.mark.parametrize(
    ("harm", "run", "event"),
    [
        (("UPDATE events SET body = replace(body, 'xx', 'xy') WHERE run = 300 AND seq = 1",), RUN, 1),
        (("UPDATE events SET at_ms = at_ms + 1 WHERE run = 300 AND seq = 3",), RUN, 3),
        (("UPDATE events SET hash = zeroblob(32) WHERE run = 300 AND seq = 2",), RUN, 2),
        (("DELETE FROM events WHERE run = 300 AND seq = 1",), RUN, 1),
        (("DELETE FROM events WHERE run = 300 AND seq = 2",), RUN, 2),
        (("DELETE FROM events WHERE run = 300 AND seq = 3",), RUN, 3),
        (SWAP, RUN, 2),
        # One of several events in a row:
        (("UPDATE events SET body = replace(body, 'xx', 'xy') WHERE run = 900",), LATE, 1),
        (("UPDATE events SET type = replace(type, 'StepStarted', 'StepSlept') WHERE run = 900",), LATE, 1),
        (("UPDATE events SET type = 'RunStarted' WHERE run = 900",), LATE, 1),
        (("UPDATE events SET seq = 5 WHERE run = 900",), LATE, 1),
        (("UPDATE events SET schema = 1 WHERE run = 900",), LATE, 1),
        (("DELETE FROM events WHERE run = 900",), LATE, 1),
        (("PRAGMA foreign_keys = ON", "DELETE FROM runs WHERE id = 900"), None, None),
        (COPY, RUN, 3),
        # The end cut off, and the run's row adjusted to the rest:
        (("DELETE FROM events WHERE run = 300 AND seq = 3",
          "UPDATE runs SET seq = 2, status = 'running', state = 'executing' WHERE id = 300"), RUN, 2),
        (("UPDATE runs SET status = 'completed' WHERE id = 300",), RUN, None),
        (("UPDATE runs SET tenant = 'other', seq = 2 WHERE id = 300",), RUN, 2),
        (("PRAGMA foreign_keys = ON", "DELETE FROM runs WHERE id = 300"), None, None),
        (("PRAGMA foreign_keys = OFF", "DELETE FROM runs WHERE id = 300"), RUN, None),
        ((f"{INSERT} SELECT run, 4, type, schema, at_ms, body, hash FROM events WHERE run = 300 AND seq = 3",), RUN, 4),
        # The end cut off, and everything adjusted except the count of all events:
        (("DELETE FROM events WHERE run = 700 AND seq = 4",
          "UPDATE runs SET seq = 3, status = 'running', state = 'ready', ended_at_ms = NULL, head = (SELECT hash FROM events WHERE run = 700 AND seq = 3) WHERE id = 700"), None, None),
    ],
)  # fmt: skip
def test_each_kind_of_tampering_is_found(
    tmp_path: Path, sound: bytes, harm: tuple[str, ...], run: str | None, event: int | None
) -> None:
    (tmp_path / "journal.sqlite3").write_bytes(sound)
    change(tmp_path, *harm)
    found = verify(tmp_path).faults
    assert (run, event) in [(fault.run_id, fault.seq) for fault in found], found


def test_the_values_shown_to_who_answered_are_verified(tmp_path: Path) -> None:
    def answered(number: int) -> list[Event]:
        asked = paused(number)
        seen = seen_of(fold(asked)) if number == 1 else "0" * 64
        return [
            *asked,
            RunResumed(number, "a", 1, {"data": {}}, "ada", seen=seen),
            StepCompleted(number, "a", 1, {}, {}, None),
            RunCompleted(number, {}),
        ]

    filled(tmp_path, answered, [1, 2])
    (found,) = verify(tmp_path).faults
    assert (found.run_id, found.seq) == ("dynamic-workflow-2", 4)
    assert found.what == "names another question than was asked"


def test_a_running_server_is_verified_with_progress(server: Server) -> None:
    with server.client() as client:
        document = {
            "name": "W",
            "id": "w",
            "initialStep": "end",
            "steps": [{"id": "end", "type": "end-flow"}],
            "edges": [],
        }
        assert client.post("/api/workflows", json=document).status_code == 201
        for _ in range(20):
            assert client.post("/api/workflow/start/w").status_code == 200
    shown = command(server.data)
    assert (shown.returncode, shown.stdout) == (0, "20 runs, 80 events, 0 faults\n"), shown.stderr
    assert "20 runs, 80 events, 0 faults" in shown.stderr
    change(
        server.data,
        "UPDATE events SET at_ms = 1 WHERE position = (SELECT min(position) FROM events WHERE position >= 41)",
    )
    shown = command(server.data)
    assert shown.returncode == 1
    assert "event 1: was changed" in shown.stdout


def test_regular_deletion_is_no_problem(tmp_path: Path) -> None:
    filled(tmp_path, completed, range(1, 51))
    place = ("--data", tmp_path, "--tenant", "acme")
    run("runs", "delete", *place, "--until", "1970-01-01T00:00:00.031Z").check_returncode()
    assert verify(tmp_path) == Verified(20, 80, [])
