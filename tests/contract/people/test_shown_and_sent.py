"""PUT accepts what GET returns; fields that the server has added are ignored."""

from typing import Any

import pytest

from tests.harness.server import Server

FLOW = {
    "id": "sent-back", "name": "Sent back", "initialStep": "end",
    "steps": [{"id": "end", "type": "end-flow", "result": {"a": 1}}], "maxStepExecutions": 7,
}  # fmt: skip
AGENT = {
    "id": "sent-back", "name": "Sent back", "instructions": "Answer.", "model": "m",
    "tools": ["send-email", {"tool": "x", "approval": True}], "limits": {"maxTurns": 3},
}  # fmt: skip
BY_SERVER = {"version", "createdAt", "updatedAt", "status", "warnings", "description"}


def written(shown: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in shown.items() if key not in BY_SERVER}


@pytest.mark.parametrize(("kind", "document"), [("workflows", FLOW), ("agents", AGENT)])
def test_a_definition_is_saved_as_it_is_shown(
    kind: str, document: dict[str, Any], shared: Server
) -> None:
    with shared.client() as client:
        made = client.post(f"/api/{kind}", json=document)
        assert made.status_code == 201, made.text
        one = f"/api/{kind}/sent-back"
        client.post(f"{one}/publish", json={"version": "1.0.0"})
        shown = client.get(one).json()
        assert shown["status"] == "published"
        again = client.put(one, json=shown)
        assert (again.status_code, again.json()["version"]) == (200, "1.0.1"), again.text
        assert again.json()["status"] == "draft"
        assert written(client.get(one).json()) == written(shown) == document
        # A document with the warnings of a save is accepted, also as a new one by another server.
        assert client.put(one, json=again.json()).status_code == 200
        copy = client.post(f"/api/{kind}", json={**shown, "id": "sent-on"})
        assert (copy.status_code, copy.json()["version"]) == (201, "1.0.0"), copy.text
        # Values of these fields that no server has shown are refused, since a save cannot set them.
        for wrong in ({"version": "2.0.0"}, {"status": "published"}, {"createdAt": "today"}):
            assert client.put(one, json=wrong).status_code == 400, wrong


def test_a_definition_passes_the_check_as_it_is_shown(shared: Server) -> None:
    with shared.client() as client:
        client.post("/api/workflows", json={**FLOW, "id": "checked-again"})
        text = client.get("/api/workflows/checked-again").text
        assert client.post("/api/workflow/check", json={"text": text}).json()["valid"] is True


def test_a_model_is_shown_with_all_fields_and_saved_unchanged(shared: Server) -> None:
    document = {
        "provider": "openai", "model": "m", "baseUrl": "http://127.0.0.1:9/v1", "secret": "KEY",
        "maxTokens": 9, "timeout": "90s", "stream": True, "structured": "prompt", "images": True,
    }  # fmt: skip
    with shared.client() as client:
        one = "/api/models/sent-back"
        assert client.put(one, json=document).status_code == 200
        shown = client.get(one).json()
        assert shown.items() >= document.items()
        assert client.put(one, json=shown).json() == shown
        assert shown in client.get("/api/models").json()
        assert client.put(one, json={**document, "default": True}).status_code == 400
        assert client.get("/api/models/none").status_code == 404
        assert client.delete(one).status_code == 200


def test_a_webhook_is_saved_as_it_is_shown(shared: Server) -> None:
    with shared.client() as client:
        body = {"url": "http://127.0.0.1:9/", "events": ["run.*"], "workflowIds": ["a"]}
        made = client.post("/api/webhooks", json=body).json()
        one = f"/api/webhooks/{made['id']}"
        shown = client.get(one).json()
        again = client.put(one, json={**shown, "name": "Renamed", "enabled": False})
        assert again.status_code == 200, again.text
        assert (again.json()["name"], again.json()["status"]) == ("Renamed", "disabled")
        assert client.put(one, json={**again.json(), "enabled": True}).json()["enabled"] is True
        assert client.get(one).json().items() >= body.items()
        assert client.put(one, json={"status": "disabled"}).status_code == 400
        assert client.put(one, json={"enabled": "no"}).status_code == 400
        assert client.delete(one).status_code == 200


def test_other_objects_are_saved_as_they_are_shown(shared: Server) -> None:
    flow = {**FLOW, "id": "put-back"}
    request = {"workflowId": "put-back", "verify": {"preset": "none"}, "note": "from anybody"}
    end = {"workflowId": "put-back", "on": ["run.failed"], "workflows": ["sent-back"]}
    form = {"workflowId": "put-back", "on": "form", "title": "Write"}
    schedule = {"workflowId": "put-back", "cron": "0 9 * * *", "timeZone": "Europe/Berlin"}
    with shared.client() as client:
        assert client.post("/api/workflows", json=flow).status_code == 201
        person = client.post("/api/people", json={"name": "put-back", "role": "viewer"}).json()
        kept: dict[str, dict[str, Any]] = {
            "/api/schedules/put-back": schedule, "/api/triggers/put-back": request,
            "/api/triggers/put-end": end, "/api/triggers/put-form": form,
            "/api/variables/put_back": {"value": [1, {"a": None}]},
            f"/api/people/{person['id']}": {"groups": ["finance"]},
            "/api/budgets": {"workflowId": "put-back", "month": 12.5},
        }  # fmt: skip

        def shown(one: str) -> dict[str, Any]:
            folder, _, name = one.rpartition("/")
            if one == "/api/budgets":
                rows = client.get(one).json()["budgets"]
                return next(row for row in rows if row["workflowId"] == "put-back")
            if folder in ("/api/variables", "/api/people"):
                rows = client.get(folder).json()
                return next(row for row in rows if name in (row.get("id"), row["name"]))
            got: dict[str, Any] = client.get(one).json()
            return got

        for one, document in kept.items():
            assert client.put(one, json=document).status_code in (200, 201), one
            before = shown(one)
            assert before.keys() >= document.keys()
            again = client.put(one, json=before)
            assert again.status_code == 200, f"{one}: {again.text}"
            after = shown(one)
            times = {"updatedAt"}
            assert {**after, **dict.fromkeys(times)} == {**before, **dict.fromkeys(times)}, one


def test_a_file_uploaded_without_a_run_becomes_the_input_of_one(shared: Server) -> None:
    flow = {**FLOW, "id": "with-paper", "payload": {"paper": {"type": "file"}}}
    with shared.client() as client:
        client.post("/api/workflows", json=flow)
        sent = {"attachment": ("a b.txt", b"on paper", "text/plain")}
        made = client.post("/api/workflow/files", files=sent)
        assert made.status_code == 201
        file = made.json()
        assert file | {"fileId": ""} == {
            "fileId": "", "fileName": "a b.txt", "mimeType": "text/plain", "size": 8,
        }  # fmt: skip
        assert client.get(f"/api/workflow/files/{file['fileId']}").content == b"on paper"
        run = client.post(
            "/api/workflow/start/with-paper", json={"data": {"paper": file["fileId"]}}
        )
        assert run.json()["data"]["paper"] == file["fileId"]
        other = client.post("/api/workflow/files", files={"paper": ("a", b"x")})
        assert other.json()["details"] == [
            {"path": "paper", "message": "is not known here; there is attachment"}
        ]
        assert client.post("/api/workflow/files", json={}).status_code == 415
    with shared.client("viewer") as viewer:
        assert viewer.post("/api/workflow/files", files=sent).status_code == 403
