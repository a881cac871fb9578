"""The API contract from start to finish, with the samples of its page as input."""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.harness.processes import command
from tests.harness.server import Server, settled

CREATE = {
    "name": "Customer Onboarding",
    "description": "Onboarding workflow for new customers",
    "initialStep": "collect-inputs-1",
    "steps": [
        {
            "type": "collect-inputs",
            "id": "collect-inputs-1",
            "output": {"customerName": {"type": "string"}, "email": {"type": "string"}},
        },
        {"type": "end-flow", "id": "end-1"},
    ],
    "edges": [{"from": "collect-inputs-1", "to": "end-1"}],
    "payload": {},
}
START = {"data": {"customerName": "John Doe", "email": "john@example.com"}}
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z"


def plain(value: Any) -> Any:
    """Return an answer with ids, times and durations replaced by placeholders."""
    if isinstance(value, dict):
        return {k: "N" if k == "duration" else plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, str) and re.fullmatch(TIME, value):
        return "TIME"
    if isinstance(value, str) and re.fullmatch(r"dynamic-workflow-\d+", value):
        return "RUN"
    return value


@pytest.fixture(scope="module")
def workflow(shared: Server) -> str:
    with shared.client() as client:
        answer = client.post("/api/workflows", json=CREATE)
    assert answer.status_code == 201, answer.text
    assert plain(answer.json()) == {
        **CREATE,
        "id": "customer-onboarding",
        "status": "draft",
        "version": "1.0.0",
        "createdAt": "TIME",
        "updatedAt": "TIME",
    }
    return str(answer.json()["id"])


def test_a_sync_start_answers_with_the_outcome(shared: Server, workflow: str) -> None:
    with shared.client() as client:
        answer = client.post(f"/api/workflow/start/{workflow}", json=START)
    assert (answer.status_code, plain(answer.json())) == (
        200,
        {
            "runId": "RUN",
            "status": "completed",
            "data": START["data"],
            "result": {"success": True},
        },
    )


def test_an_async_start_answers_with_the_run_id_alone(shared: Server, workflow: str) -> None:
    with shared.client() as client:
        answer = client.post(f"/api/workflow/start-async/{workflow}", json=START)
        assert (answer.status_code, plain(answer.json())) == (200, {"runId": "RUN"})
        document = settled(client, answer.json()["runId"])
    entry = {
        "stepName": "collect-inputs-1",
        "stepType": "collect-inputs",
        "status": "completed",
        "startTime": "TIME",
        "endTime": "TIME",
        "duration": "N",
    }
    assert plain(document) == {
        "runId": "RUN",
        "workflowId": workflow,
        "version": "1.0.0",
        "status": "completed",
        "currentStepId": None,
        "pauseSignal": None,
        "data": START["data"],
        "stepExecutionHistory": [
            {**entry, "stepId": "collect-inputs-1", "outputData": START["data"]},
            {
                **entry,
                "stepId": "end-1",
                "stepName": "end-1",
                "stepType": "end-flow",
                "outputData": {"success": True},
            },
        ],
        "result": {"success": True},
        "error": None,
        "reason": None,
        "cancelRequested": False,
        "parentRunId": None,
        "origin": None,
        "childRunIds": [],
        "usage": None,
        "waitingUntil": None,
        "startTime": "TIME",
        "endTime": "TIME",
    }


def test_both_samples_of_resume_are_accepted(shared: Server) -> None:
    document = {
        "name": "Approval",
        "initialStep": "ask",
        "steps": [
            {
                "id": "ask",
                "type": "collect-inputs",
                "output": {"approvalReason": {"type": "string"}},
            },
            {"id": "act", "type": "request-user-action", "actionId": "approval-action-1"},
            {"id": "end", "type": "end-flow"},
        ],
        "edges": [{"from": "ask", "to": "act"}, {"from": "act", "to": "end"}],
    }
    with shared.client() as client:
        client.post("/api/workflows", json=document)
        first = client.post("/api/workflow/start/approval", json={"data": {}}).json()
        assert first["status"] == "paused"
        assert first["pauseSignal"].pop("pauseId")
        assert first["pauseSignal"] == {
            "type": "collect_inputs",
            "stepId": "ask",
            "fields": {"approvalReason": {"type": "string"}},
        }
        address = f"/api/workflow/resume/{first['runId']}"
        answer = {"type": "collect_inputs", "data": {"approvalReason": "Budget approved for Q1"}}
        assert client.post(address, json=answer).status_code == 200
        paused = settled(client, first["runId"], "paused")
        assert paused["pauseSignal"]["type"] == "request_user_action"
        wrong = {"type": "request_user_action", "actionId": "approval-action-1", "actionValue": "?"}
        refused = client.post(address, json=wrong)
        assert (refused.status_code, refused.json()["details"][0]["path"]) == (400, "actionValue")
        assert client.post(address, json=answer).status_code == 409
        action = {**wrong, "actionValue": "approved"}
        assert client.post(address, json=action).status_code == 200
        assert settled(client, first["runId"])["status"] == "completed"
        assert client.post(address, json=action).status_code == 409


def test_the_input_schema_is_taken_from_the_first_collect_inputs(
    shared: Server, workflow: str
) -> None:
    with shared.client() as client:
        answer = client.get(f"/api/workflow/metadata/input/{workflow}").json()
    fields = {"customerName": {"type": "string"}, "email": {"type": "string"}}
    assert answer == {"success": True, "data": {"workflowId": workflow, "payload": fields}}


def test_the_list_has_the_fields_of_the_page_and_filters(shared: Server, workflow: str) -> None:
    with shared.client() as client:
        (row,) = client.get("/api/workflows", params={"search": "ONBOARDING"}).json()
        assert plain(row) == {
            "id": workflow,
            "name": "Customer Onboarding",
            "description": "Onboarding workflow for new customers",
            "status": "draft",
            "version": "1.0.0",
            "createdAt": "TIME",
            "updatedAt": "TIME",
        }
        assert client.get("/api/workflows", params={"search": "100%_no"}).json() == []
        assert client.get("/api/workflows", params={"status": "sold"}).status_code == 400
        assert client.get("/api/workflows", params={"limit": 0}).status_code == 400


def test_a_workflow_is_versioned_published_archived_and_deleted(shared: Server) -> None:
    with shared.client() as client:
        made = client.post("/api/workflows", json={**CREATE, "name": "Life"}).json()
        at = f"/api/workflows/{made['id']}"
        for patch in range(1, 11):
            changed = client.put(at, json={"description": f"change {patch}"}).json()
            assert (changed["version"], changed["status"]) == (f"1.0.{patch}", "draft")
        assert (
            client.post(f"{at}/publish", json={"version": "1.0.3"}).json()["status"] == "published"
        )
        assert client.get(at, params={"version": "published"}).json()["version"] == "1.0.3"
        assert client.get(at).json()["version"] == "1.0.10"
        assert client.get(at, params={"version": "1.0.0"}).json()["description"].startswith("Onb")
        assert client.get(at, params={"version": "9.9.9"}).status_code == 404
        versions = client.get(f"{at}/versions").json()
        assert [row["version"] for row in versions][:2] == ["1.0.10", "1.0.9"]
        run = client.post(f"/api/workflow/start/{made['id']}", json=START).json()
        assert client.get(f"/api/workflow/status/{run['runId']}").json()["version"] == "1.0.3"
        copy = client.post(f"{at}/clone").json()
        assert (copy["name"], copy["status"], copy["version"]) == ("Life (Copy)", "draft", "1.0.0")
        assert client.delete(f"{at}/permanent").status_code == 409
        assert client.delete(at).json()["status"] == "archived"
        assert made["id"] not in {row["id"] for row in client.get("/api/workflows").json()}
        everything = client.get("/api/workflows", params={"includeArchived": "true"}).json()
        assert made["id"] in {row["id"] for row in everything}
        assert client.post(f"/api/workflow/start/{made['id']}", json=START).status_code == 400
        assert client.post(f"{at}/unarchive").json()["status"] == "draft"
        client.delete(at)
        with shared.client("admin") as admin:
            refused = admin.delete(f"{at}/permanent")
            assert (refused.status_code, refused.json()["error"]) == (403, "Forbidden")
        assert client.delete(f"{at}/permanent").status_code == 200
        assert client.get(at).status_code == 404
        assert client.get(f"/api/workflow/status/{run['runId']}").status_code == 200


def test_concurrent_updates_keep_each_others_changes(shared: Server) -> None:
    changes: list[dict[str, Any]] = [
        {"name": "Both"},
        {"description": "changed"},
        {"payload": {"n": {"type": "integer"}}},
        {"tool": True},
    ]
    with shared.client() as client, ThreadPoolExecutor(len(changes)) as pool:
        made = client.post("/api/workflows", json={**CREATE, "name": "At once"}).json()
        at = f"/api/workflows/{made['id']}"
        answers = list(pool.map(lambda change: client.put(at, json=change), changes))
        assert [answer.text for answer in answers if answer.is_error] == []
        assert sorted(answer.json()["version"] for answer in answers) == [
            f"1.0.{patch}" for patch in range(1, len(changes) + 1)
        ]
        newest = client.get(at).json()
        assert {**newest, **{k: v for change in changes for k, v in change.items()}} == newest


def test_cancel_and_terminate_end_a_run(shared: Server, workflow: str) -> None:
    with shared.client() as client:
        for verb, status in (("cancel", "cancelled"), ("terminate", "terminated")):
            run_id = client.post(f"/api/workflow/start/{workflow}", json={}).json()["runId"]
            body = {"workflowId": workflow, "runId": run_id, "reason": "User requested"}
            wrong = {**body, "workflowId": "another"}
            assert client.post(f"/api/workflow/management/{verb}", json=wrong).status_code == 404
            answer = client.post(f"/api/workflow/management/{verb}", json=body)
            assert (answer.status_code, answer.json()["status"]) == (200, status)
            assert client.post(f"/api/workflow/management/{verb}", json=body).status_code == 409
            document = client.get(f"/api/workflow/status/{run_id}").json()
            assert (document["status"], document["reason"]) == (status, "User requested")


def test_the_upload_sample_works_with_curl(shared: Server, workflow: str, tmp_path: Any) -> None:
    content = b"%PDF-1.7 a contract"
    (tmp_path / "document.pdf").write_bytes(content)
    fields = ["-F", f"attachment=@{tmp_path}/document.pdf", "-F", "customerName=John Doe"]
    headers = ["-H", f"x-api-key: {shared.key()}", "-H", "x-tenant-id: acme"]
    address = f"{shared.address}/api/workflow/start/{workflow}"
    shown = subprocess.check_output(
        ["curl", "-s", "-X", "POST", address, *headers, *fields, "-F", "email=a@b.c"]
    )
    with shared.client() as client:
        run = client.get("/api/workflow/runs", params={"limit": 1}).json()["runs"][0]
        data = client.get(f"/api/workflow/status/{run['runId']}").json()["data"]
        assert data["fileId"].encode() in shown
        assert data["attachment"] == {
            "fileId": data["fileId"],
            "fileName": "document.pdf",
            "mimeType": "application/pdf",
            "size": len(content),
        }
        download = client.get(f"/api/workflow/files/{data['fileId']}")
        assert download.content == content
        assert download.headers["content-disposition"].startswith("attachment")
    with shared.client(tenant="other") as stranger:
        assert stranger.get(f"/api/workflow/files/{data['fileId']}").status_code == 404


def test_the_largest_file_is_accepted_and_one_byte_more_is_refused(
    shared: Server, workflow: str
) -> None:
    with shared.client() as client:
        address = f"/api/workflow/start-async/{workflow}"
        for size, status in ((3_932_160, 200), (3_932_161, 413), (0, 400)):
            files = {"attachment": ("a.txt", b"x" * size)}
            assert client.post(address, files=files).status_code == status, size
        assert client.post(address, files={"other": ("a.txt", b"x")}).status_code == 400


def test_a_signed_token_is_accepted_like_a_key(shared: Server, workflow: str) -> None:
    import time

    import httpx
    import jwt

    secret = command("jwt-secret", "create", "--data", shared.data, "--tenant", "acme")
    claims = {"sub": "ada", "exp": time.time() + 600, "aud": "ensembleapp.ai", "context": {"k": 1}}
    token = jwt.encode(claims, secret["secret"], "HS256", {"kid": secret["kid"]})
    headers = {"Authorization": f"Bearer {token}"}
    address = f"{shared.address}/api/workflow/start/{workflow}"
    assert httpx.post(address, headers=headers, json=START).json()["status"] == "completed"
    late = jwt.encode({**claims, "exp": 1}, secret["secret"], "HS256", {"kid": secret["kid"]})
    assert httpx.post(address, headers={"Authorization": f"Bearer {late}"}).status_code == 401
    none = jwt.encode(claims, "", "none", {"kid": secret["kid"]})
    assert httpx.post(address, headers={"Authorization": f"Bearer {none}"}).status_code == 401
    shared_list = command("jwt-secret", "list", "--data", shared.data, "--tenant", "acme")
    assert secret["secret"] not in str(shared_list)


@pytest.mark.parametrize("kind", ["workflows", "agents"])
def test_a_list_of_a_status_shows_the_newest_version_of_that_status(
    shared: Server, kind: str
) -> None:
    agent = {"instructions": "Answer.", "model": "m"}
    base = {"name": "Statuses", **(CREATE if kind == "workflows" else agent), "id": "statuses"}

    def listed(client: httpx.Client, status: str) -> list[tuple[str, str]]:
        rows = client.get(f"/api/{kind}", params={"status": status}).json()
        return [(row["version"], row["status"]) for row in rows if row["id"] == "statuses"]

    with shared.client() as client:
        client.post(f"/api/{kind}", json=base).raise_for_status()
        for number in range(2):
            client.put(f"/api/{kind}/statuses", json={"description": str(number)})
        published = {"version": "1.0.1"}
        client.post(f"/api/{kind}/statuses/publish", json=published).raise_for_status()
        assert listed(client, "published") == [("1.0.1", "published")]
        assert listed(client, "draft") == [("1.0.2", "draft")]
        assert listed(client, "testing") == []
        client.post(f"/api/{kind}/statuses/publish", json={"version": "1.0.2"}).raise_for_status()
        assert listed(client, "published") == [("1.0.2", "published")]
        assert listed(client, "draft") == [("1.0.1", "draft")]
        client.delete(f"/api/{kind}/statuses").raise_for_status()
        assert listed(client, "draft") == listed(client, "published") == []
        assert listed(client, "archived") == [("1.0.2", "archived")]


def test_a_step_without_a_name_shows_its_id(shared: Server) -> None:
    steps = [{"id": "a", "type": "wait", "duration": "1ms", "name": "A name"},
             {"id": "b", "type": "end-flow"}]  # fmt: skip
    flow = {
        "name": "Names",
        "initialStep": "a",
        "steps": steps,
        "edges": [{"from": "a", "to": "b"}],
    }
    with shared.client() as client:
        workflow = client.post("/api/workflows", json=flow).json()["id"]
        run = client.post(f"/api/workflow/start/{workflow}", json={}).json()["runId"]
        history = settled(client, run, "completed")["stepExecutionHistory"]
    assert [entry["stepName"] for entry in history] == ["A name", "b"]


def test_a_link_has_the_address_of_the_server_whatever_the_host_header(shared: Server) -> None:
    flow = {"name": "Asks", "initialStep": "a", "edges": [{"from": "a", "to": "b"}],
            "steps": [{"id": "a", "type": "request-user-action"}, {"id": "b", "type": "end-flow"}]}  # fmt: skip
    with shared.client() as client:
        workflow = client.post("/api/workflows", json=flow).json()["id"]
        run = client.post(f"/api/workflow/start/{workflow}", json={}).json()["runId"]
        headers = {"host": "stranger.example"}
        made = client.post(f"/api/workflow/links/{run}", json={}, headers=headers).json()
    assert made["url"].startswith(f"{shared.address}/answer/")
