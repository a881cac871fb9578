"""Objects of another tenant are, byte for byte, indistinguishable from missing ones."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.web.endpoint import Endpoint
from app.web.endpoints import ENDPOINTS
from tests.conftest import PLUGIN
from tests.harness.server import Server, settled

OBJECTS = {
    "/api/workflow/start/{workflowId}": "workflow",
    "/api/workflow/start-async/{workflowId}": "workflow",
    "/api/workflow/metadata/input/{workflowId}": "workflow",
    "/api/workflow/statistics/{workflowId}": "workflow",
    "/api/workflow/status/{runId}": "run",
    "/api/workflow/resume/{runId}": "run",
    "/api/workflow/events/{runId}": "run",
    "/api/workflow/runs/{runId}": "run",
    "/api/webhooks/{id}": "webhook",
    "/api/workflow/rerun/{runId}": "run",
    "/api/workflow/links/{runId}": "run",
    "/api/workflow/claim/{runId}": "run",
    "/api/workflow/unclaim/{runId}": "run",
    "/api/workflow/delegate/{runId}": "run",
    "/api/workflow/replay/{runId}": "run",
    "/api/people/{id}": "person",
    "/api/sessions/{id}": "session",
    "/api/passkeys/{id}": "session",
    "/api/keys/{id}": "key",
    "/api/jwt-secrets/{kid}": "kid",
    "/api/workflow/files/{fileId}": "file",
    "/api/workflows/{id}": "workflow",
    "/api/agents/{id}": "agent",
    "/api/secrets/{name}": "secret",
    "/api/models/{name}": "model",
    "/api/schedules/{id}": "schedule",
    "/api/triggers/{id}": "trigger",
    "/api/variables/{name}": "variable",
    "/api/views/{name}": "view",
    "/api/tools/{id}": "tool",  # no tenant has tools of its own
    "/api/mcp-servers/{name}": "tool",
    "/api/threads/{threadId}": "thread",
}
"""The kind of object that each path names; longer paths belong to their longest prefix here."""

ABSENT = {
    "workflow": "theirs", "agent": "theirs", "secret": "THEIRS", "model": "theirs",
    "schedule": "theirs", "trigger": "theirs", "variable": "theirs", "view": "theirs", "tool": "theirs", "thread": "theirs",
    "webhook": "0123456789abcdef0123456789abcdef",
    "person": "a9876543210fedcb", "session": "fedcba9876543210",
    "key": "0123456789ab", "kid": "kid_0123456789abcdef",
    "run": "dynamic-workflow-1234567890123", "file": "00000000-0000-4000-8000-000000000000",
}  # fmt: skip
BODIES: dict[str, Any] = {
    "rerun_run": {"stepId": "ask"},
    "resume": {"type": "collect_inputs", "data": {"a": "b"}},
    "delegate_pause": {"to": "Ada"},
    "end_mcp_sign_in": {"state": "theirs.a", "code": "b"},
    "cancel": {"runId": "RUN"},
    "terminate": {"runId": "RUN"},
}
QUERIES: dict[str, Any] = {"explain": {"path": "data"}}
KEY = "x-request-id"
FIXED = {KEY: "the-same-for-all"}
TOKEN = "metrics-token-of-the-tests"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tenants")
    with Server(folder / "data", PLUGIN, STEPWELL_METRICS_TOKEN=TOKEN) as server:
        yield server


def kind_of(endpoint: Endpoint) -> str | None:
    fits = [path for path in OBJECTS if (endpoint.path + "/").startswith(path + "/")]
    return OBJECTS[max(fits, key=len)] if fits else None


WITH_OBJECTS = [e for e in ENDPOINTS if "{" in e.path or e.operation in ("cancel", "terminate")]
OF_ONE_PERSON = {"delete_passkey"}
"""Only people may use these; an API key is refused before any lookup."""

NAMED_PER_TENANT = {
    "put_secret", "put_model", "set_variable", "put_schedule", "put_trigger", "put_view",
}  # fmt: skip
"""They create the caller's own object, even if another tenant uses the same name."""


def test_every_address_with_a_parameter_is_covered() -> None:
    missing = [e.path for e in WITH_OBJECTS if "{" in e.path and kind_of(e) is None]
    assert missing == []


def make_theirs(client: httpx.Client) -> dict[str, str]:
    """Create one object of each kind for tenant B, and return the ids that tenant A asks for."""
    flow = {
        "id": "theirs", "name": "Theirs", "initialStep": "ask", "tool": True,
        "steps": [
            {"id": "ask", "type": "collect-inputs", "output": {"a": {"type": "string"}}},
            {"id": "end", "type": "end-flow"},
        ],
        "edges": [{"from": "ask", "to": "end"}],
    }  # fmt: skip
    agent = {"id": "theirs", "name": "Theirs", "instructions": "canary-instructions"}
    model = {"provider": "openai", "model": "canary-model", "baseUrl": "http://127.0.0.1:1/"}
    assert client.post("/api/workflows", json=flow).status_code == 201
    assert client.post("/api/agents", json=agent).status_code == 201
    assert client.put("/api/secrets/THEIRS", json={"value": "canary-secret"}).status_code == 201
    assert client.put("/api/models/theirs", json=model).status_code == 200
    assert client.put("/api/variables/theirs", json={"value": "canary-value"}).status_code == 200
    assert (
        client.put("/api/views/theirs", json={"query": {"text": "canary-view"}}).status_code == 200
    )
    schedule = {"workflowId": "theirs", "cron": "@yearly", "timeZone": "UTC"}
    assert client.put("/api/schedules/theirs", json=schedule).status_code == 201
    trigger = {"workflowId": "theirs", "verify": {"preset": "none"}, "note": "canary-trigger"}
    made = client.put("/api/triggers/theirs", json=trigger)
    assert client.post(made.json()["url"], json={"a": "canary-sent"}).status_code == 202
    form = {"attachment": ("canary.txt", b"canary-file")}
    run = client.post("/api/workflow/start/theirs", files=form).json()
    hook = {"url": "https://example.com/hook", "name": "canary-hook", "events": ["run.started"]}
    made = client.post("/api/webhooks", json=hook)
    assert made.status_code == 201, made.text
    said = {"message": "canary-message", "threadId": "theirs"}
    assert client.post("/api/agents/theirs/invoke", json=said).json()["threadId"] == "theirs"
    assert client.get("/api/threads/theirs").status_code == 200
    key = client.post("/api/keys", json={"name": "canary-key", "role": "viewer"}).json()["id"]
    kid = client.post("/api/jwt-secrets", json={"name": "canary-kid", "role": "viewer"}).json()[
        "kid"
    ]
    invited = client.post("/api/people", json={"name": "canary-person", "role": "viewer"})
    assert invited.status_code == 201, invited.text
    return {
        **ABSENT,
        "person": invited.json()["id"],
        "run": run["runId"],
        "file": run["data"]["fileId"],
        "webhook": made.json()["id"],
        "key": key,
        "kid": kid,
    }


@pytest.fixture(scope="module")
def theirs(shared: Server, absent: dict[str, bytes]) -> dict[str, str]:
    with shared.client(tenant="b") as client:
        return make_theirs(client)


@pytest.fixture(scope="module")
def absent(shared: Server) -> dict[str, bytes]:
    """Return the answers that tenant A gets while none of the objects exist."""
    return ask_for_all(shared, ABSENT)


def ask_for_all(server: Server, ids: dict[str, str]) -> dict[str, bytes]:
    reported = {}
    with server.client("owner", "a") as client:
        for endpoint in WITH_OBJECTS:
            if endpoint.operation in NAMED_PER_TENANT | OF_ONE_PERSON:
                continue
            path = re.sub(r"{\w+}", ids[kind_of(endpoint) or "run"], endpoint.path)
            body = {
                k: v.replace("RUN", ids["run"]) if isinstance(v, str) else v
                for k, v in BODIES.get(endpoint.operation, {}).items()
            }
            sent: dict[str, Any] = {"json": body} if endpoint.method in ("POST", "PUT") else {}
            query = QUERIES.get(endpoint.operation)
            answer = client.request(endpoint.method, path, headers=FIXED, params=query, **sent)
            assert answer.status_code == 404, (endpoint.operation, answer.text)
            reported[endpoint.operation] = _comparable(answer, ids)
    return reported


def _comparable(answer: httpx.Response, ids: dict[str, str]) -> bytes:
    """Return status, headers and body, with generated ids replaced by the name of their kind."""
    headers = sorted(
        (k, v) for k, v in answer.headers.items() if k not in ("date", "content-length")
    )
    text = f"{answer.status_code} {headers} {answer.text}"
    # The longest first: one id may be a prefix of another.
    for kind in ("file", "webhook", "run", "kid", "key", "person"):
        text = text.replace(ids[kind], kind.upper())
    return text.encode()


def test_objects_of_another_tenant_look_like_missing_ones(
    shared: Server, theirs: dict[str, str], absent: dict[str, bytes]
) -> None:
    with shared.client(tenant="b") as client:
        before = client.get(f"/api/workflow/status/{theirs['run']}").content
        assert ask_for_all(shared, theirs) == absent
        assert client.get(f"/api/workflow/status/{theirs['run']}").content == before
        for path in ("/api/workflows/theirs", "/api/agents/theirs"):
            assert client.get(path).json()["status"] == "draft"


def test_requests_for_another_tenants_run_do_not_load_it(
    shared: Server, theirs: dict[str, str]
) -> None:
    with shared.client(tenant="a") as client:
        for command in ("cancel", "terminate"):
            sent = {"runId": theirs["run"]}
            refused = client.post(f"/api/workflow/management/{command}", json=sent)
            assert refused.status_code == 404
    headers = {"authorization": f"Bearer {TOKEN}"}
    shown = httpx.get(f"{shared.address}/metrics", headers=headers).text
    assert "stepwell_runs_in_memory 0.0" in shown.splitlines()


def test_objects_with_the_same_name_do_not_affect_another_tenant(
    shared: Server, theirs: dict[str, str]
) -> None:
    with shared.client("owner", "c") as mine, shared.client(tenant="b") as client:
        model = {"provider": "openai", "model": "mine"}
        assert mine.put("/api/secrets/THEIRS", json={"value": "mine-mine"}).status_code == 201
        assert mine.put("/api/models/theirs", json=model).status_code == 200
        listed = client.get("/api/models").json()
        assert [row["model"] for row in listed if row["name"] == "theirs"] == ["canary-model"]
        assert mine.delete("/api/models/theirs").status_code == 200
        assert mine.delete("/api/secrets/THEIRS").status_code == 200
        assert len(client.get("/api/secrets").json()) == 1
        assert client.get("/api/models").json() == listed


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.method == "GET" and "{" not in e.path and "events" not in e.path],
                         ids=lambda e: e.path)  # fmt: skip
def test_no_list_shows_objects_of_another_tenant(
    shared: Server, theirs: dict[str, str], endpoint: Endpoint
) -> None:
    queries = [{}, {"search": "theirs"}, {"includeArchived": "true"}, {"limit": "500"},
               {"parentRunId": theirs["run"]}, {"workflowId": "theirs"}, {"cursor": "9" * 18}]  # fmt: skip
    with shared.client("owner", "a") as client:
        for query in queries:
            text = client.get(endpoint.path, params=query).text
            assert "canary" not in text
            assert '"theirs"' not in text.lower()


def references(ids: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Return steps that refer to objects of another tenant, in the definition and by data."""
    yield {"type": "call-workflow", "workflowId": ids["workflow"]}
    yield {"type": "call-workflow", "workflowId": "{{ data.workflow }}"}
    yield {"type": "call-agent", "agentId": ids["agent"], "message": "hello"}
    yield {
        "type": "call-llm",
        "model": ids["model"],
        "prompt": "hello",
        "output": {"x": {"type": "string"}},
    }
    yield {
        "type": "call-llm",
        "model": "own",
        "prompt": "hello",
        "files": [ids["file"]],
        "output": {"x": {"type": "string"}},
    }
    yield {"type": "call-tool", "toolId": "extract-document", "inputs": {"fileId": ids["file"]}}
    yield {
        "type": "call-tool",
        "toolId": "extract-document",
        "inputs": {"fileId": "{{ data.file }}"},
    }
    for body in (
        {"file": ids["file"]},
        {"file": "{{ data.file }}"},
        {"multipart": {"f": {"file": ids["file"]}}},
    ):
        yield {"type": "call-api", "method": "POST", "url": "http://127.0.0.1:1/", **body}
    for place in ("headers", "query", "form"):
        yield {
            "type": "call-api",
            "url": "http://127.0.0.1:1/",
            place: {"x": "{{ secrets.THEIRS }}"},
        }


STEPS = len(list(references(ABSENT)))


@pytest.mark.parametrize("number", range(STEPS))
def test_ids_in_definitions_and_data_do_not_reach_another_tenant(
    shared: Server, theirs: dict[str, str], number: int
) -> None:
    errors = []
    with shared.client("owner", "a") as client:
        client.put(
            "/api/models/own",
            json={"provider": "openai", "model": "x", "baseUrl": "http://127.0.0.1:1/"},
        )
        # Ids that do not exist must cause the same messages, apart from the ids themselves.
        nowhere = {k: "NOWHERE" if k == "secret" else "nowhere" for k in ABSENT}
        for ids in (nowhere, theirs):
            step = list(references(ids))[number]
            document = {
                "name": "Crosses", "initialStep": "call",
                "steps": [{"id": "call", "retry": {"maxAttempts": 1}, **step}, {"id": "end", "type": "end-flow"}],
                "edges": [{"from": "call", "to": "end"}],
            }  # fmt: skip
            made = client.post("/api/workflows", json=document).json()
            run = client.post(f"/api/workflow/start/{made['id']}", json={"data": ids}).json()
            assert run["status"] == "failed", run
            assert "canary" not in str(run).lower()
            reported = f"{run['error']['type']}: {run['error']['message']}"
            for name in {"THEIRS", "NOWHERE", "nowhere", *ids.values()}:
                reported = reported.replace(name, "NAME")
            errors.append(reported)
    assert errors[0] == errors[1]
    assert "Unknown" in errors[0] or "NotFound" in errors[0]


def test_idempotency_keys_are_separate_for_each_tenant(
    shared: Server, theirs: dict[str, str]
) -> None:
    flow = {"name": "Once", "initialStep": "e", "steps": [{"id": "e", "type": "end-flow"}]}
    runs = set()
    for tenant in ("a", "b"):
        with shared.client(tenant=tenant) as client:
            client.post("/api/workflows", json=flow)
            headers = {"idempotency-key": "the-same"}
            answer = client.post("/api/workflow/start-async/once", json={}, headers=headers)
            runs.add(answer.json()["runId"])
            settled(client, answer.json()["runId"])
    assert len(runs) == 2
