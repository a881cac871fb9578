"""Definitions as YAML, over HTTP and on the command line."""

from pathlib import Path

import jsonschema_rs

from tests.harness.processes import run
from tests.harness.server import Server

GREET = """\
name: Greet in YAML
initialStep: say
payload:
  who: {type: string}
steps:
  - id: say
    type: set
    note: the text of the day
    values: {text: "Good day, {{ data.who }}"}
  - {id: end, type: end-flow, result: {text: "{{ data.text }}"}}
edges:
  - {from: say, to: end, on: success}
"""
YAML = {"content-type": "application/yaml"}


def test_a_workflow_is_created_and_changed_as_yaml(shared: Server) -> None:
    with shared.client() as client:
        made = client.post("/api/workflows", content=GREET, headers=YAML)
        assert made.status_code == 201, made.text
        one = f"/api/workflows/{made.json()['id']}"
        changed = client.put(one, content="description: of the day\n", headers=YAML)
        assert changed.json()["description"] == "of the day"
        start = f"/api/workflow/start/{made.json()['id']}"
        assert client.post(start, json={"data": {"who": "Ann"}}).json()["result"] == {
            "text": "Good day, Ann"
        }


def test_errors_in_yaml_are_reported(shared: Server) -> None:
    with shared.client() as client:
        for body, reported in (
            (
                GREET + "name: again\n",
                "has the key 'name' at line 1 and again at line 13",
            ),
            ("- a list", "the body must be an object"),
            (b"a: \xff", "is not UTF-8 at byte 3"),
        ):
            refused = client.post("/api/workflows", content=body, headers=YAML)
            assert refused.status_code == 400
            assert reported in refused.json()["message"]
        refused = client.post(
            "/api/workflows", content=GREET, headers={"content-type": "text/plain"}
        )
        assert refused.status_code == 415
        wrong = GREET.replace("type: set", "type: sett")
        checked = client.post("/api/workflow/check", json={"text": wrong}).json()
        assert (checked["valid"], checked["problems"][0]["line"]) == (False, 7)
        broken = client.post("/api/workflow/check", json={"text": "a: [1"}).json()
        assert broken["problems"][0]["message"].startswith("not valid YAML")


def test_the_command_line_takes_yaml(tmp_path: Path) -> None:
    good, wrong, twice = (tmp_path / name for name in ("good.yaml", "wrong.yaml", "twice.yaml"))
    good.write_text(GREET)
    wrong.write_text(GREET.replace("type: set", "type: sett"))
    twice.write_text(GREET + "name: again\n")
    shown = run("check", good, wrong, twice)
    assert shown.returncode == 1
    assert f"{good}: OK" in shown.stdout
    assert f"{wrong}:7: steps[0].type: sett is not a known step type" in shown.stdout
    assert f"{twice}:13: has the key 'name' at line 1 and again" in shown.stderr
    ran = run("run", good, "--data-json", '{"who": "Bo"}')
    assert '"Good day, Bo"' in ran.stdout


def test_the_schema_is_published(shared: Server) -> None:
    with shared.client() as client:
        answer = client.get("/schema/definition.json", headers={"x-api-key": ""})
        assert answer.status_code == 200
        validator = jsonschema_rs.Draft202012Validator(answer.json())
    good = {"name": "x", "initialStep": "a", "steps": [{"id": "a", "type": "end-flow"}]}
    assert validator.is_valid(good)
    assert not validator.is_valid({**good, "steps": [{"id": "a", "type": "end-flow", "x": 1}]})
