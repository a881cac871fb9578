"""`stepwell doctor` finds problems, names a remedy for each, and changes nothing."""

import base64
import json
import os
from pathlib import Path
from typing import Any

from engine import AttemptInterrupted
from tests.conftest import PLUGIN
from tests.harness.journals import change, completed, filled, paused
from tests.harness.processes import run
from tests.harness.server import Server, settled

FRAGILE = {
    "id": "w", "name": "Fragile", "initialStep": "a",
    "steps": [{"id": "a", "type": "fragile"}, {"id": "end", "type": "end-flow"}],
    "edges": [{"from": "a", "to": "end"}],
}  # fmt: skip


def doctor(folder: Path, *more: object) -> tuple[int, dict[str, dict[str, Any]]]:
    shown = run("doctor", "--data", folder, "--json", *more)
    assert shown.stdout, shown.stderr
    found = json.loads(shown.stdout)["findings"]
    return shown.returncode, {item["what"]: item for item in found}


def test_an_intact_folder_passes_with_and_without_a_server(server: Server) -> None:
    code, found = doctor(server.data)
    assert (code, [item for item in found.values() if item["level"] == "wrong"]) == (0, [])
    assert server.process is not None
    assert str(server.process.pid) in found["lock"]["shown"]
    assert found["schema"]["level"] == "ok"
    server.terminate()
    code, found = doctor(server.data)
    assert (code, "is free" in found["lock"]["shown"]) == (0, True)


def test_every_problem_has_a_remedy(tmp_path: Path) -> None:
    filled(tmp_path, completed, range(1, 20))
    filled(tmp_path, lambda n: completed(n, at_ms=99_000_000_000_000), [30])
    tmp_path.chmod(0o755)
    (tmp_path / "secrets.key").write_text("x")
    (tmp_path / "secrets.key").chmod(0o644)
    change(tmp_path, "UPDATE runs SET due_at_ms = 1 WHERE id = 3")
    config = tmp_path / "s.toml"
    config.write_text('synchronous = "NORMAL"\n')
    before = (tmp_path / "journal.sqlite3").read_bytes()
    code, found = doctor(tmp_path, "--config", config)
    assert code == 1
    wrong = {what for what, item in found.items() if item["level"] == "wrong"}
    assert wrong == {"data folder", "key file", "synchronous", "clock"}
    assert found["key file"]["remedy"] == f"chmod 600 {tmp_path}/secrets.key"
    assert found["oldest timer"]["level"] == "note"
    assert (tmp_path / "journal.sqlite3").read_bytes() == before


def test_a_damaged_or_missing_database_is_found(tmp_path: Path) -> None:
    filled(tmp_path, completed, range(1, 200))
    file = tmp_path / "journal.sqlite3"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2 // 4096 * 4096])
    code, found = doctor(tmp_path)
    assert (code, {found.get("quick_check", found.get("database", {}))["level"]}) == (1, {"wrong"})
    assert "is damaged" in found.get("quick_check", {"shown": "is damaged"})["shown"]
    file.unlink()
    code, found = doctor(tmp_path)
    assert (code, found["database"]["shown"]) == (1, "missing or empty")


def test_a_run_with_an_unusable_definition_is_listed_and_can_be_ended(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Server(folder, PLUGIN) as server, server.client() as client:
        assert client.post("/api/workflows", json=FRAGILE).status_code == 201
        kept = [client.post("/api/workflow/start/w").json()["runId"] for _ in range(3)]
    filled(
        folder, lambda n: paused(n)[:2], [9]
    )  # left inside a step by a crash, its version deleted
    change(folder, "UPDATE runs SET workflow_id = 'w' WHERE id = 9")
    none = tmp_path / "none.py"
    none.write_text("")
    with Server(folder, none) as server, server.client() as client:
        code, found = doctor(folder)
        assert (code, found["stuck runs"]["level"]) == (1, "wrong")
        assert all(run_id in found["stuck runs"]["shown"] for run_id in kept)
        body = {"runId": kept[0]}
        assert client.post("/api/workflow/management/cancel", json=body).status_code == 409
        answer = client.post("/api/workflow/management/terminate", json=body)
        assert answer.json()["status"] == "terminated"
        answer = client.post(
            "/api/workflow/management/bulk", json={"action": "terminate", "filter": {}}
        )
        assert (answer.json()["changed"], answer.json()["failed"]) == (3, 0)
        assert doctor(folder)[0] == 0


def test_a_run_with_an_unusable_definition_makes_room_for_a_newer_one(tmp_path: Path) -> None:
    limited = {**FRAGILE, "concurrency": {"limit": 1, "whenFull": "cancel-oldest"}}
    with Server(tmp_path / "data", PLUGIN) as server, server.client() as client:
        assert client.post("/api/workflows", json=limited).status_code == 201
        old = client.post("/api/workflow/start/w").json()["runId"]
        settled(client, old, "paused")
    none = tmp_path / "none.py"
    none.write_text("")
    usable = json.loads(json.dumps(limited).replace('"fragile"', '"request-user-action"'))
    with Server(tmp_path / "data", none) as server, server.client() as client:
        assert client.put("/api/workflows/w", json=usable).status_code == 200
        new = client.post("/api/workflow/start/w", json={"version": "latest"}).json()["runId"]
        assert settled(client, new)["status"] == "paused"
        assert settled(client, old)["status"] == "terminated"


def test_interrupted_steps_are_named(tmp_path: Path) -> None:
    filled(tmp_path, lambda n: paused(n)[:2], [7])
    _, found = doctor(tmp_path)
    assert (found["interrupted steps"]["level"], found["interrupted steps"]["shown"]) == (
        "ok",
        "none",
    )
    ends = [AttemptInterrupted(5, "a", 1, 1, in_order=n == 1) for n in range(3)]
    filled(tmp_path, lambda n: [*paused(n)[:2], *ends], [8])
    filled(tmp_path, lambda n: [*paused(n)[:2], ends[1]], [9])
    _, found = doctor(tmp_path)
    assert found["interrupted steps"]["level"] == "note"
    shown = found["interrupted steps"]["shown"]
    assert shown.endswith("them: step a of dynamic-workflow-8 (tenant acme): 2 times")


def test_a_key_that_cannot_open_what_is_sealed_is_found(tmp_path: Path) -> None:
    key = tmp_path / "secrets.key"
    key.write_bytes(base64.b64encode(b"k" * 32))
    key.chmod(0o600)
    stored = run("secret", "set", "--data", tmp_path, "--tenant", "acme", "token", given="hush")
    assert stored.returncode == 0, stored.stderr
    assert doctor(tmp_path)[1]["sealing key"]["level"] == "ok"
    for text, said in (
        (base64.b64encode(bytes(32)), "the key at hand is another one"),
        (b"", "32 bytes in base64"),
        (bytes(range(256)), "32 bytes in base64"),
    ):
        key.write_bytes(text)
        assert_key_is_wrong(tmp_path, said)
    key.unlink()
    assert_key_is_wrong(tmp_path, "there is no key")
    key.mkdir(0o700)
    assert_key_is_wrong(tmp_path, "cannot be read")
    key.rmdir()
    os.mkfifo(key, 0o600)
    assert_key_is_wrong(tmp_path, "is not a regular file")
    served = run("serve", "--data", tmp_path, "--port", "0")
    assert (served.returncode, "is not a regular file" in served.stderr) == (1, True)


def assert_key_is_wrong(folder: Path, said: str) -> None:
    code, found = doctor(folder)
    assert (code, found["sealing key"]["level"]) == (1, "wrong")
    assert said in found["sealing key"]["shown"]
