"""A backup taken under load opens, verifies, and its runs continue."""

import json
import subprocess
import time
from pathlib import Path

from tests.conftest import PLUGIN
from tests.harness.journals import change, completed, filled
from tests.harness.load import Starting
from tests.harness.processes import STEPWELL, command, run
from tests.harness.server import Server, settled

PAUSING = {
    "id": "pausing", "name": "Pausing", "initialStep": "ask",
    "steps": [{"id": "ask", "type": "request-user-action"}, {"id": "end", "type": "end-flow"}],
    "edges": [{"from": "ask", "to": "end"}],
}  # fmt: skip
ANSWER = {"type": "request_user_action", "actionId": "ask", "actionValue": "approved"}


def refused(*arguments: object) -> str:
    shown = run(*arguments)
    assert shown.returncode == 1, shown.stdout
    return shown.stderr


def test_a_backup_under_load_is_complete_and_its_runs_continue(
    server: Server, tmp_path: Path
) -> None:
    with server.client() as client:
        assert client.post("/api/workflows", json=PAUSING).status_code == 201
        upload = {"attachment": ("note.txt", b"kept", "text/plain")}
        with_file = client.post("/api/workflow/start/pausing", files=upload).json()["runId"]
        file_id = client.get(f"/api/workflow/status/{with_file}").json()["data"]["fileId"]
        assert client.put("/api/secrets/TOKEN", json={"value": "canary"}).status_code == 201
    with Starting(server, "pausing") as load:
        time.sleep(0.5)
        before = list(load.acknowledged)
        reported = command("backup", "--data", server.data, "--to", tmp_path / "copy")
        time.sleep(0.2)
    assert load.refused == []
    assert len(before) > 20
    assert len(load.acknowledged) > len(before), "nothing was written beside the backup"
    print(f"{reported['runs']} runs backed up; the slowest start took {load.slowest_s:.3f} s")
    assert (reported["files"], reported["withKey"]) == (1, False)
    assert not list(tmp_path.glob(".copy*"))
    assert "exists already" in refused("backup", "--data", server.data, "--to", tmp_path / "copy")
    server.kill()
    assert "is not empty" in refused("restore", "--from", tmp_path / "copy", "--data", server.data)

    new = tmp_path / "new"
    restored = command("restore", "--from", tmp_path / "copy", "--data", new)
    assert (restored["verified"]["faults"], restored["files"]) == (0, 1)
    assert restored["verified"]["runs"] == reported["runs"] >= len(before)
    (new / "secrets.key").write_bytes((server.data / "secrets.key").read_bytes())
    (new / "secrets.key").chmod(0o600)
    with Server(new, PLUGIN) as second, second.client() as client:
        for run_id in [with_file, *before]:
            status = client.get(f"/api/workflow/status/{run_id}").json()["status"]
            assert status == "paused", run_id
        assert client.get(f"/api/workflow/files/{file_id}").content == b"kept"
        assert client.post(f"/api/workflow/resume/{before[0]}", json=ANSWER).status_code == 200
        assert settled(client, before[0])["status"] == "completed"


def test_the_key_is_copied_only_on_request(tmp_path: Path) -> None:
    filled(tmp_path / "data", completed, [1])
    (tmp_path / "data" / "secrets.key").write_text("c" * 43 + "=\n")
    place = ("backup", "--data", tmp_path / "data", "--to")
    without = run(*place, tmp_path / "a")
    without.check_returncode()
    assert "secrets.key is not in this backup" in without.stdout
    assert not (tmp_path / "a" / "secrets.key").exists()
    assert command(*place, tmp_path / "b", "--with-key")["withKey"] is True
    assert (tmp_path / "b" / "secrets.key").stat().st_mode & 0o777 == 0o600
    assert command("restore", "--from", tmp_path / "b", "--data", tmp_path / "c")["withKey"] is True
    command(*place, tmp_path / "alone.sqlite3")
    alone = command("restore", "--from", tmp_path / "alone.sqlite3", "--data", tmp_path / "d")
    assert alone["verified"] == {"runs": 1, "events": 4, "faults": 0, "found": []}


def test_a_backup_that_was_changed_is_not_restored(tmp_path: Path) -> None:
    filled(tmp_path / "data", completed, [1])
    command("backup", "--data", tmp_path / "data", "--to", tmp_path / "copy")
    change(tmp_path / "copy", "UPDATE events SET at_ms = 9")
    place = ("restore", "--from", tmp_path / "copy", "--data")
    assert "SHA-256 differs" in refused(*place, tmp_path / "new")
    (tmp_path / "copy" / "backup.json").unlink()
    shown = run(*place, tmp_path / "new", "--json")
    assert shown.returncode == 1
    assert json.loads(shown.stdout)["verified"]["found"][0]["event"] == 1


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    for name, *more in (
        ("verify",),
        ("doctor",),
        ("backup", "--to", tmp_path / "b"),
        ("retention",),
    ):
        assert "is not a Stepwell data folder" in refused(name, "--data", tmp_path / "none", *more)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_used_is_reported_by_every_command(tmp_path: Path) -> None:
    data, place = tmp_path / "data", ("--tenant", "default")
    run("key", "create", "--data", data, *place)
    (data / "stepwell.lock").unlink()
    (data / "stepwell.lock").mkdir()
    for words in (
        ("verify",),
        ("doctor",),
        ("backup", "--to", tmp_path / "b"),
        ("retention",),
        ("accept-loss",),
        ("upgrade", "--rehearse"),
        ("key", "list", *place),
        ("runs", "list", *place),
        ("serve", "--port", "0"),
    ):
        said = refused(*words, "--data", data)
        assert f"the data folder {data} cannot be used: " in said, words
        assert len(said.splitlines()) == 1, words


def test_a_restore_that_failed_can_be_repeated(tmp_path: Path) -> None:
    run("key", "create", "--data", tmp_path / "data", "--tenant", "default")
    run("backup", "--data", tmp_path / "data", "--to", tmp_path / "copy")
    restore = ("restore", "--from", tmp_path / "copy", "--data", tmp_path / "again")
    failed = subprocess.run(
        ["prlimit", "--fsize=100000", STEPWELL, *restore], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert failed.returncode == 1
    assert f"the data folder {tmp_path / 'again'} cannot be used" in failed.stderr
    assert command(*restore)["verified"]["faults"] == 0
