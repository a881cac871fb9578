"""Variables over HTTP and in runs, and the journal cost of appending to a long list."""

import json
import sqlite3
from typing import Any

import httpx
import pytest

import stepwell
from tests.harness.processes import command, run
from tests.harness.server import Server, settled

USES = {
    "name": "Uses variables", "initialStep": "ask",
    "constants": {"word": "kept"},
    "steps": [
        {"id": "ask", "type": "request-user-action", "message": "Go on?",
         "actions": [{"value": "yes", "label": "Yes"}]},
        {"id": "put", "type": "set",
         "values": {"said": "{{ constants.word }} {{ vars.word }}", "sum": "{{ vars.one + 1 }}"}},
        {"id": "end", "type": "end-flow", "result": {"said": "{{ data.said }}"}},
        {"id": "wrong", "type": "end-flow", "status": "failed"},
    ],
    "edges": [
        {"from": "ask", "to": "put", "condition": "vars.one == 1 and constants.word == 'kept'"},
        {"from": "ask", "to": "wrong"},
        {"from": "put", "to": "end"},
    ],
}  # fmt: skip

PAGES = {
    "name": "Pages", "initialStep": "more",
    "steps": [
        {"id": "more", "type": "set", "values": {"at": "{{ data.at | default(0) + 1 }}"},
         "extend": {"rows": "{{ data.page }}"}},
        {"id": "end", "type": "end-flow",
         "result": {"rows": "{{ data.rows | length }}", "at": "{{ data.at }}"}},
    ],
    "edges": [{"from": "more", "to": "more", "condition": "data.at < 40"},
              {"from": "more", "to": "end"}],
}  # fmt: skip


def made(client: httpx.Client, document: dict[str, Any]) -> str:
    answer = client.post("/api/workflows", json=document)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_a_run_keeps_the_variables_of_its_start(shared: Server) -> None:
    with shared.client("editor") as client:
        for name, value in (("word", "here"), ("one", 1)):
            answer = client.put(f"/api/variables/{name}", json={"value": value})
            assert answer.status_code == 200
        workflow = made(client, USES)
        began = client.post(f"/api/workflow/start-async/{workflow}", json={"data": {}})
        run_id = began.json()["runId"]
        settled(client, run_id, "paused")
        client.put("/api/variables/one", json={"value": 5})
        assert client.delete("/api/variables/word").json() == {"success": True, "name": "word"}
        said = {"type": "request_user_action", "actionId": "ask", "actionValue": "yes"}
        client.post(f"/api/workflow/resume/{run_id}", json=said)
        done = settled(client, run_id, "completed")
        assert (done["result"], done["data"]["sum"]) == ({"said": "kept here"}, 2)
        (kept,) = client.get("/api/variables").json()
        assert (kept["name"], kept["value"]) == ("one", 5)
        assert kept["createdAt"] <= kept["updatedAt"]
        client.delete("/api/variables/one")
        assert client.delete("/api/variables/one").status_code == 404


def test_wrong_roles_and_invalid_variables_are_refused(shared: Server) -> None:
    with shared.client("operator") as client:
        assert client.put("/api/variables/a", json={"value": 1}).status_code == 403
        assert client.get("/api/variables").json() == []
    with shared.client("editor") as client:
        for name, value in (("a-b", 1), ("a", "x" * 70_000)):
            refused = client.put(f"/api/variables/{name}", json={"value": value})
            assert refused.status_code == 400, name
        assert client.put("/api/variables/a", json={}).status_code == 400
    with shared.client("viewer", "others") as client:
        assert client.get("/api/variables").json() == []


def test_the_command_line_and_the_client_set_variables(shared: Server) -> None:
    data = ["--data", str(shared.data), "--tenant", "acme"]
    assert command("variable", "set", "rate", "1.5", *data) == {"set": "rate"}
    assert run("variable", "set", "text", "bare", *data).returncode == 1
    (listed,) = command("variable", "list", *data)["variables"]
    assert (listed["name"], listed["value"]) == ("rate", 1.5)
    with stepwell.Client(url=shared.address, api_key=shared.key("editor"), tenant="acme") as client:
        client.set_variable("made", [1])
        assert client.variables() == {"made": [1], "rate": 1.5}
        client.delete_variable("made")
    assert command("variable", "delete", "rate", *data) == {"deleted": "rate"}
    assert run("variable", "delete", "rate", *data).returncode == 1


@pytest.mark.data_folder
def test_appending_to_a_list_stores_only_the_new_items(shared: Server) -> None:
    page = [{"id": number, "text": "x" * 50} for number in range(50)]
    with shared.client() as client:
        workflow = made(client, PAGES)
        began = client.post(f"/api/workflow/start-async/{workflow}", json={"data": {"page": page}})
        done = settled(client, began.json()["runId"], "completed")
    assert done["result"] == {"rows": 2_000, "at": 40}
    assert done["data"]["rows"] == page * 40
    number = int(done["runId"].rpartition("-")[2])
    with sqlite3.connect(shared.data / "journal.sqlite3") as journal:
        (kept,) = journal.execute(
            "SELECT sum(length(body)) FROM events WHERE run = ?", (number,)
        ).fetchone()
    assert kept < 1.5 * 40 * len(json.dumps(page))
