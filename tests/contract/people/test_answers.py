"""Answers with fields of an action, a comment and files; each is recorded in the history."""

from typing import Any

import httpx
import pytest

import stepwell
from tests.harness.processes import command
from tests.harness.server import Server, settled

FIELDS = {
    "reason": {"type": "string", "maxLength": 40},
    "budget": {"type": "string", "choices": "{{ data.budgets }}"},
    "photo": {"type": "file", "required": False},
    "again": {"type": "boolean", "default": False},
}
ASK: dict[str, Any] = {
    "id": "ask", "type": "request-user-action", "message": "Pay?",
    "actions": [{"value": "yes"}, {"value": "no", "label": "Refuse", "fields": FIELDS}],
    "output": {"why": {"type": "string", "required": False, "value": "{{ result.data.reason }}"}},
}  # fmt: skip
FORM = {"id": "form", "type": "collect-inputs", "output": {"n": {"type": "integer"}}}
NO = {"type": "request_user_action", "actionId": "ask", "actionValue": "no"}


def workflow(name: str, **ask: Any) -> dict[str, Any]:
    steps = [
        {**ASK, **ask},
        FORM,
        {"id": "end", "type": "end-flow", "result": {"why": "{{ data.why }}"}},
    ]
    edges = [{"from": "ask", "to": "form"}, {"from": "form", "to": "end"}]
    return {"id": name, "name": name, "initialStep": "ask", "steps": steps, "edges": edges}


def started(client: httpx.Client, name: str, **ask: Any) -> str:
    made = client.post("/api/workflows", json=workflow(name, **ask))
    assert made.status_code == 201, made.text
    body = {"data": {"budgets": ["travel", "events"]}}
    return str(client.post(f"/api/workflow/start/{name}", json=body).json()["runId"])


def problems_in(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 400, answer.text
    return [one["path"] for one in answer.json()["details"]]


def output(client: httpx.Client, run: str) -> dict[str, Any]:
    history = client.get(f"/api/workflow/status/{run}").json()["stepExecutionHistory"]
    found: dict[str, Any] = next(one for one in history if one["stepId"] == "ask")["outputData"]
    return found


def test_an_action_has_its_own_fields_a_comment_and_files(shared: Server) -> None:
    with shared.client("operator") as client, shared.client("editor") as editor:
        run = started(editor, "refusals")
        asked = client.get(f"/api/workflow/status/{run}").json()["pauseSignal"]["actions"]
        assert "fields" not in asked[0]
        assert asked[1]["fields"]["budget"] == {"type": "string", "enum": ["travel", "events"]}
        resume = f"/api/workflow/resume/{run}"
        assert problems_in(client.post(resume, json=NO)) == ["data.reason", "data.budget"]
        odd = {"reason": "x" * 41, "budget": "none", "resaon": "late"}
        assert problems_in(client.post(resume, json={**NO, "data": odd})) == [
            "data.resaon", "data.reason", "data.budget",
        ]  # fmt: skip
        data = {"reason": "too late", "budget": "travel"}
        missing = {**NO, "data": data, "attachments": ["none"]}
        assert problems_in(client.post(resume, json=missing)) == ["attachments[0]"]
        many = {**NO, "data": data, "attachments": ["x"] * 21}
        assert problems_in(client.post(resume, json=many)) == ["attachments"]
        sent = {"attachment": ("bill.txt", b"12 EUR")}
        file_id = client.post("/api/workflow/files", files=sent).json()["fileId"]
        with shared.client("editor", "other") as stranger:
            theirs = started(stranger, "refusals")
            body = {**NO, "data": data, "attachments": [file_id]}
            refused = stranger.post(f"/api/workflow/resume/{theirs}", json=body)
            assert problems_in(refused) == ["attachments[0]"], "a file of another tenant is none"
        body = {**NO, "data": data, "comment": "sorry", "attachments": [file_id]}
        assert client.post(resume, json=body).json()["currentStepId"] == "form"
        kept = output(client, run)
        assert kept["data"] == {**data, "again": False}
        assert (kept["comment"], kept["attachments"]) == ("sorry", [file_id])
        assert client.get(f"/api/workflow/status/{run}").json()["data"]["why"] == "too late"


def test_files_and_a_comment_come_with_a_form(shared: Server) -> None:
    with shared.client("operator") as client, shared.client("editor") as editor:
        run = started(editor, "forms")
        resume = f"/api/workflow/resume/{run}"
        texts = {**NO, "reason": "late", "budget": "events", "comment": "see these"}
        files = [
            ("photo", ("a.png", b"\x89PNG")),
            ("attachments", ("b.txt", b"b")),
            ("attachments", ("c.txt", b"c")),
        ]
        key = {"idempotency-key": "once-only"}
        for _ in range(2):
            answered = client.post(resume, data=texts, files=files, headers=key)
            assert answered.status_code == 200, answered.text
        kept = output(client, run)
        assert kept["data"]["reason"] == "late"
        content = client.get(f"/api/workflow/files/{kept['data']['photo']}").content
        assert content == b"\x89PNG"
        read = [client.get(f"/api/workflow/files/{one}").content for one in kept["attachments"]]
        assert (read, kept["comment"]) == ([b"b", b"c"], "see these")
        more = {"type": "collect_inputs", "n": "7", "comment": "counted twice"}
        one = [("attachments", ("d.txt", b"d"))]
        assert client.post(resume, data=more, files=one).status_code == 200
        asked, entered, _ = settled(client, run, "completed")["stepExecutionHistory"]
        assert [one["actionValue"] for one in asked["answers"]] == ["no"]
        assert entered["outputData"] == {"n": 7}
        (beside,) = entered["answers"]
        assert (beside["comment"], "n" in beside) == ("counted twice", False)
        assert (
            client.get(f"/api/workflow/files/{beside['attachments'][0]['fileId']}").content == b"d"
        )
    where: dict[str, Any] = {
        "url": shared.address,
        "api_key": shared.key("operator"),
        "tenant": "acme",
    }
    with stepwell.Client(**where) as known:
        reported = [one.document for one in known.run(run).events() if one.type == "run.resumed"]
    (kept_file,) = reported[-1]["answer"]["attachments"]
    assert reported[-1]["answer"]["comment"] == "counted twice"
    assert (kept_file["fileName"], kept_file["size"]) == ("d.txt", 1)


def test_an_answer_may_be_a_form_without_a_file(shared: Server) -> None:
    with shared.client("operator") as client, shared.client("editor") as editor:
        resume = f"/api/workflow/resume/{started(editor, 'fileless')}"
        texts = {**NO, "reason": "late", "budget": "events"}
        parts = [(name, (None, text)) for name, text in texts.items()]
        answered = client.post(resume, files=parts)
        assert answered.status_code == 200, answered.text
        assert answered.json()["currentStepId"] == "form"


def test_client_and_command_line_send_fields_comment_and_files(
    shared: Server, tmp_path: Any
) -> None:
    with shared.client("editor") as editor:
        runs = [started(editor, f"told-{n}") for n in range(2)]
    bill = tmp_path / "bill.txt"
    bill.write_bytes(b"12 EUR")
    where: dict[str, Any] = {
        "url": shared.address,
        "api_key": shared.key("operator"),
        "tenant": "acme",
    }
    with stepwell.Client(**where) as client:
        run = client.run(runs[0])
        pause = run.status().pause
        assert pause is not None
        assert set(pause.actions[1].fields) == set(FIELDS)
        file_id = client.upload(bill)
        given = {"reason": "late", "budget": "events"}
        run.resume_action("no", "sorry", data=given, attachments=[file_id])
        run.resume_inputs({"n": 1}, "fine", attachments=[client.upload(("x.txt", b"x"))])
        assert run.wait().status == "completed"
    reported = command(
        "resume", runs[1], "--action", "no", "--data-json", '{"reason": "late", "budget": "events"}',
        "--comment", "sorry", "--attach", str(bill), "--url", shared.address,
        "--key", shared.key("operator"), "--tenant", "acme",
    )  # fmt: skip
    assert reported["currentStepId"] == "form"
    with shared.client("operator") as client:
        for run_id in runs:
            kept = output(client, run_id)
            assert (kept["data"]["reason"], kept["comment"]) == ("late", "sorry")
            (file_id,) = kept["attachments"]
            assert client.get(f"/api/workflow/files/{file_id}").content == b"12 EUR"


@pytest.mark.parametrize(
    ("ask", "path"),
    [
        ({"onDeadline": {"actionValue": "no"}, "deadline": "1h"}, "steps[0].onDeadline.actionValue"),
        ({"actions": [{"value": "no", "fields": {"comment": {"type": "string"}}}]},
         "steps[0].actions[0].fields.comment"),
        ({"actions": [{"value": "no", "fields": {"a": {"type": "text"}}}]},
         "steps[0].actions[0].fields.a.type"),
        ({"actions": [{"value": "no", "fields": {"a": {"type": "string", "choices": "{{ nope.x }}"}}}]},
         "steps[0].actions[0].fields.a.choices"),
    ],
    ids=["a deadline fills in nothing", "a word of answers", "a type", "a choice"],
)  # fmt: skip
def test_invalid_fields_are_refused_at_save(shared: Server, ask: dict[str, Any], path: str) -> None:
    with shared.client("editor") as client:
        assert path in problems_in(client.post("/api/workflows", json=workflow("wrong", **ask)))
