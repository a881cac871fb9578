"""A new version is rehearsed on a copy of the data before an upgrade."""

import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import PLUGIN
from tests.harness.damage import damage_index
from tests.harness.processes import command, run
from tests.harness.server import Server

RELEASE = Path(__file__).parents[1] / "releases" / "0.1.0.tar.gz"


def schema(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "journal.sqlite3")) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with tarfile.open(RELEASE) as packed:
        packed.extractall(tmp_path / "data", filter="data")
    return tmp_path / "data"


def test_a_folder_of_a_release_is_rehearsed_and_left_unchanged(data: Path, tmp_path: Path) -> None:
    before = sorted(path.name for path in data.iterdir())
    was = schema(data)
    config = tmp_path / "stepwell.toml"
    config.write_text(f'plugins = ["{PLUGIN}"]')
    reported = command("upgrade", "--rehearse", "--data", data, "--config", config)
    assert reported["wrong"] == 0, reported
    assert reported["runs"] >= len(json.loads((data / "runs.json").read_text()))
    assert reported["events"] > reported["runs"]
    assert schema(data) == was
    assert sorted(path.name for path in data.iterdir() if path.name != "stepwell.lock") == before


def test_runs_that_the_new_version_cannot_continue_are_reported(data: Path) -> None:
    with closing(sqlite3.connect(data / "journal.sqlite3")) as connection, connection:
        connection.execute("UPDATE versions SET definition = '{}'")
        connection.execute("UPDATE events SET at_ms = 9 WHERE seq = 2")
    shown = run("upgrade", "--rehearse", "--data", data)
    assert shown.returncode == 1
    assert "wrong  stuck runs" in shown.stdout
    assert "wrong  history: run" in shown.stdout


@pytest.mark.parametrize("serving", [False, True])
def test_a_damaged_index_of_the_source_is_reported(tmp_path: Path, *, serving: bool) -> None:
    with Server(tmp_path / "data", PLUGIN) as server:
        file = server.data / "journal.sqlite3"
        if not serving:
            server.terminate()
        damage_index(file, "sessions_by_end")
        shown = run("upgrade", "--rehearse", "--data", server.data)
    assert shown.returncode == 1
    assert "wrong  database: the database in the data folder is damaged (" in shown.stdout
    assert shown.stdout.count("wrong ") == 1, shown.stdout


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (None, "journal.sqlite3 is missing, though this folder has held a database"),
        (b"", "journal.sqlite3 is empty"),
        (b"another program's", "journal.sqlite3 is not a usable database"),
    ],
)
def test_a_folder_without_a_usable_database_is_called_that_and_left_alone(
    data: Path, held: bytes | None, said: str
) -> None:
    file = data / "journal.sqlite3"
    file.unlink()
    if held is not None:
        file.write_bytes(held)
    for words in (("upgrade", "--rehearse"), ("accept-loss",)):
        shown = run(*words, "--data", data)
        assert shown.returncode == 1
        assert said in shown.stderr
        assert str(file) in shown.stderr
    assert (file.read_bytes() if file.exists() else None) == held
    assert list(data.glob("rehearsal-*")) == []


def test_without_a_place_for_the_copy_the_option_is_named(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place, why in (("missing", "No such file or directory"), ("file", "Not a directory")):
        shown = run("upgrade", "--rehearse", "--data", data, "--work", tmp_path / place)
        assert shown.returncode == 1
        assert f"cannot hold the copy ({why}): name another folder with --work" in shown.stderr


def test_a_running_server_makes_the_copy_and_continues(tmp_path: Path) -> None:
    with Server(tmp_path / "data", PLUGIN) as server, server.client() as client:
        reported = command("upgrade", "--rehearse", "--data", server.data, "--work", tmp_path)
        assert (reported["wrong"], reported["runs"]) == (0, 0)
        assert client.get("/api/workflow/runs").json()["runs"] == []
