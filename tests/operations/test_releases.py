"""The data folder of each release opens, its histories verify, and its runs continue."""

import json
import tarfile
from pathlib import Path

import pytest

from tests.conftest import PLUGIN
from tests.harness.processes import command
from tests.harness.server import Server, settled
from tests.triggers.conftest import until

RELEASES = sorted((Path(__file__).parents[1] / "releases").glob("*.tar.gz"))
YES = {"type": "request_user_action", "actionId": "ask", "actionValue": "yes"}


def test_a_folder_of_a_release_exists() -> None:
    assert RELEASES


@pytest.mark.parametrize("release", RELEASES, ids=lambda file: file.name.removesuffix(".tar.gz"))
def test_runs_in_a_folder_of_a_release_continue(release: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with tarfile.open(release) as packed:
        packed.extractall(data, filter="data")
    runs = json.loads((data / "runs.json").read_text())
    assert command("verify", "--data", data, "--quiet")["faults"] == 0
    with Server(data, PLUGIN) as server, server.client() as client:
        assert settled(client, runs["due"])["result"] == {"slept": True}
        assert client.get(f"/api/workflow/status/{runs['completed']}").json()["result"] == {
            "asked": "yes"
        }
        assert (
            client.get(f"/api/workflow/status/{runs['failed']}").json()["error"]["message"] == "no"
        )
        assert (
            client.get(f"/api/workflow/status/{runs['cancelled']}").json()["status"] == "cancelled"
        )
        retrying = f"/api/workflow/status/{runs['retrying']}"
        until(lambda: client.get(retrying).text, lambda shown: "retryAt" in shown)
        assert "waitingUntil" in client.get(f"/api/workflow/status/{runs['sleeping']}").text
        assert [item["name"] for item in client.get("/api/secrets").json()] == ["TOKEN"]

        form = {"type": "collect_inputs", "data": {"name": "Ada"}}
        for run, answer in (("paused", YES), ("form", form), ("family", YES), ("family", YES)):
            settled(client, runs[run], "paused")
            answered = client.post(f"/api/workflow/resume/{runs[run]}", json=answer)
            assert answered.status_code == 200, answered.text
        assert settled(client, runs["paused"], "completed")["result"] == {"asked": "yes"}
        assert settled(client, runs["form"], "completed")["result"] == {"name": "Ada"}
        assert settled(client, runs["family"], "completed")["result"] == {"children": True}
        server.terminate()
    verified = command("verify", "--data", data, "--quiet")
    assert (verified["faults"], verified["runs"]) == (0, len(runs) + 2)
