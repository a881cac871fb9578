"""A process of an older version and one of this version serve one database side by side."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.harness.postgres import PostgresServer
from tests.harness.processes import command
from tests.harness.server import settled
from tests.harness.several import in_balance, process_on
from tests.harness.workflows import create, straight

ROOT = Path(__file__).parents[2]
OLDER = "c7ae052a~1"
"""The commit that wrote schema 30, before updates skipped indexes and indexes were dropped."""

ASK = {"id": "ask", "type": "collect-inputs", "output": {"name": {"type": "string"}}}
GO = {"id": "go", "type": "wait-for-signal", "signal": "go", "key": "{{ run.id }}"}


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the older code, taken from this repository's history."""
    packed = subprocess.run(
        ["git", "archive", OLDER, "app", "engine", "journal", "steps", "stepwell"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if packed.returncode:
        pytest.skip(f"the history has no {OLDER} here")
    folder = tmp_path_factory.mktemp("older")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


@pytest.mark.parametrize("first", ["older", "newer"])
def test_both_versions_start_answer_and_take_over_each_others_runs(
    first: str, older: Path, postgres: PostgresServer, tmp_path: Path
) -> None:
    database = postgres.database()
    old = process_on(database, tmp_path / "old", PYTHONPATH=str(older), STEPWELL_PLUGINS="")
    new = process_on(database, tmp_path / "new")
    new._keys = old._keys
    begun = (old, new) if first == "older" else (new, old)
    with begun[0], begun[1]:
        in_balance([old, new], 60)
        with old.client() as at_old, new.client() as at_new:
            create(at_new, "asks", [GO, ASK], straight("go", "ask"))
            both = (at_old, at_new)
            runs = []
            for client in both * 3:
                answer = client.post("/api/workflow/start-async/asks", json={})
                runs.append(answer.json()["runId"])
            for at, run_id in enumerate(runs):  # each at the other's process
                here, there = both[at % 2], both[at % 2 - 1]
                settled(there, run_id, "paused")
                reported = {"name": "go", "key": run_id, "id": run_id, "data": {}}
                assert here.post("/api/signals", json=reported).status_code in (200, 202)
            for at, run_id in enumerate(runs[:4]):
                there = both[at % 2 - 1]
                while settled(there, run_id, "paused")["currentStepId"] != "ask":
                    pass
                body = {"type": "collect_inputs", "data": {"name": "Ada"}}
                assert there.post(f"/api/workflow/resume/{run_id}", json=body).status_code == 200
                assert settled(there, run_id)["status"] == "completed"
            old.kill()
            for run_id in runs[4:]:
                body = {"type": "collect_inputs", "data": {"name": "Ada"}}
                while settled(at_new, run_id, "paused")["currentStepId"] != "ask":
                    pass
                assert at_new.post(f"/api/workflow/resume/{run_id}", json=body).status_code == 200
                assert settled(at_new, run_id)["status"] == "completed"
        proved = command("verify", "--data", new.data, environment=new.environment)
        assert (proved["runs"], proved["faults"]) == (6, 0)
