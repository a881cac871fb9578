"""`/openapi.json` is valid, its examples fit, and the server answers as described."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel

from app.settings.llm import ModelDocument
from app.triggers.schedule_document import ScheduleBody
from app.web.api.webhooks import WebhookBody
from steps.agents.agent import AgentDocument
from steps.document.shape import WorkflowDocument
from tests.harness.described import description, faults, operation, validator
from tests.harness.receiver import Receiver
from tests.harness.server import Server

FORM = {"id": "f", "type": "collect-inputs", "output": {"name": {"type": "string"}}}
ACT = {"id": "act", "type": "request-user-action", "name": "Act"}
FLOW = {
    "name": "Described", "initialStep": "f", "steps": [FORM, ACT, {"id": "end", "type": "end-flow"}],
    "edges": [{"from": "f", "to": "act"}, {"from": "act", "to": "end"}],
}  # fmt: skip
FAILS = {
    "name": "Fails",
    "initialStep": "end",
    "steps": [{"id": "end", "type": "end-flow", "result": {"x": "{{ data.none.deeper.deepest }}"}}],
}


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return description()


def answers_of(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in described["paths"].items():
        for method, about in item.items():
            for status, answer in about["responses"].items():
                if status[0] == "2" and status != "204":
                    yield f"{method.upper()} {path}", status, answer["content"]


def operations_of(described: dict[str, Any]) -> list[dict[str, Any]]:
    return [about for item in described["paths"].values() for about in item.values()]


def test_the_description_is_valid(described: dict[str, Any]) -> None:
    assert [str(error) for error in OpenAPIV31SpecValidator(described).iter_errors()] == []


def test_each_answer_has_a_schema_and_an_example_that_fits_it(described: dict[str, Any]) -> None:
    found = list(answers_of(described))
    assert len(found) > 60
    others = []
    for name, status, content in found:
        for media, shown in content.items():
            if media != "application/json" or media != next(iter(content)):
                others.append((name, media, shown["schema"].get("format")))
            faults = [
                str(error) for error in validator(shown["schema"]).iter_errors(shown["example"])
            ]
            assert not faults, (name, status, faults)
    assert others == [
        ("GET /api/workflow/events/{runId}", "text/event-stream", None),
        ("GET /api/workflow/events", "text/event-stream", None),
        ("GET /api/audit/export", "application/x-ndjson", None),
        ("GET /api/workflow/files/{fileId}", "application/octet-stream", "binary"),
        ("GET /api/workflow/files/{fileId}", "application/json", None),
        ("POST /api/agents/{id}/invoke", "text/event-stream", None),
    ]


def test_operations_have_unique_ids_and_declared_tags(described: dict[str, Any]) -> None:
    operations = operations_of(described)
    ids = [about["operationId"] for about in operations]
    assert all(re.fullmatch(r"[a-z]+([A-Z][a-z]+)+", name) for name in ids), ids
    assert len(set(ids)) == len(ids)
    tags = {tag["name"] for tag in described["tags"]}
    assert {tag for about in operations for tag in about["tags"]} == tags
    assert described["paths"]["/api/workflow/events"]["get"]["tags"] == ["Events"]
    assert described["paths"]["/api/workflows/{id}"]["put"]["tags"] == ["Workflows"]


REPAIRS = ("tryNow", "giveUp", "skipStep", "changeRunData", "holdRun", "releaseRun")


def test_headers_are_described(described: dict[str, Any]) -> None:
    read = {
        about["operationId"]: {
            item["name"] for item in about["parameters"] if item["in"] == "header"
        }
        for about in operations_of(described)
    }
    assert {name: headers for name, headers in read.items() if headers} == {
        "startRun": {"Idempotency-Key", "Prefer"},
        "startRunAsync": {"Idempotency-Key"},
        "resumeRun": {"Idempotency-Key"},
        "rerunRun": {"Idempotency-Key"},
        **{name: {"Idempotency-Key"} for name in REPAIRS},
        "streamRunEvents": {"Last-Event-ID"},
        "streamEvents": {"Last-Event-ID"},
    }
    given = {
        name: set(item.get("headers", ()))
        for name, item in described["components"]["responses"].items()
    }
    assert {name: headers for name, headers in given.items() if headers} == {
        "TooManyRequests": {"Retry-After"}, "ServiceUnavailable": {"Retry-After"},
    }  # fmt: skip
    made = described["paths"]["/api/workflows"]["post"]["responses"]["201"]
    assert set(made["headers"]) == {"Location"}


@pytest.mark.parametrize(
    ("written", "described_in"),
    [
        (WorkflowDocument, ["StoredWorkflow", "WorkflowChanges"]),
        (AgentDocument, ["StoredAgent", "AgentChanges"]),
        (ModelDocument, ["StoredModel", "ModelBody"]),
        (ScheduleBody, ["ScheduleShown", "ShownSchedule"]),
        (WebhookBody, ["WebhookChanges"]),
    ],
)
def test_schemas_have_every_key_of_their_models(
    written: type[BaseModel], described_in: list[str], described: dict[str, Any]
) -> None:
    for name in described_in:
        keys = described["components"]["schemas"][name]["properties"].keys()
        own = {info.alias or field for field, info in written.model_fields.items()}
        assert own - set(keys) == set(), name


def test_schemas_contain_nothing_that_misleads_a_generator(described: dict[str, Any]) -> None:
    text = json.dumps(described).replace('"title": "Order 41 of ACME"', "the run's own")
    for misleading in (
        '"default": null',
        '"title": "',
        '"le": ',
        '"additionalProperties": {"type": "string"}',
    ):
        assert text.count(misleading) == (1 if "title" in misleading else 0), misleading
    query = {
        item["name"]: item for item in described["paths"]["/api/workflows"]["get"]["parameters"]
    }
    assert query["includeArchived"]["schema"] == {"type": "boolean", "default": False}
    assert query["search"]["schema"] == {"type": "string", "maxLength": 200}
    form = described["components"]["schemas"]["StartForm"]
    assert form["properties"]["attachment"]["format"] == "binary"
    assert form["additionalProperties"] is True
    body = described["components"]["schemas"]["ControlBody"]["properties"]
    assert body["workflowId"]["type"] == ["string", "null"]


SHORT: list[tuple[str, dict[str, Any]]] = [
    ("AgentDocument", {"name": "A", "instructions": "Do.", "tools": ["add", {"tool": "x"}]}),
    ("AgentDocument", {"name": "A", "instructions": "Do.", "guards": {"after": ["output.ok"]}}),
    ("AgentChanges", {"tools": ["add"], "guards": {"before": ["message | length < 9"]}}),
    ("StoredAgent", {"guards": {"before": ["message | length < 9", {"workflow": "w"}]}}),
    ("ShownRunTrigger", {"workflowId": "w", "on": "run.failed"}),
    ("ShownRunTrigger", {"workflowId": "w", "on": ["run.failed", "run.completed"]}),
    ("SignalBody", {"name": "payment", "key": 17}),
]


@pytest.mark.parametrize(("name", "body"), SHORT)
def test_short_forms_are_described(name: str, body: dict[str, Any]) -> None:
    found = validator({"$ref": f"#/components/schemas/{name}"}).iter_errors(body)
    assert [str(one) for one in found if one.instance_path] == []


def test_each_answer_of_the_tests_is_held_against_the_description() -> None:
    request = httpx.Request("GET", "http://s/api/workflow/runs?limit=1")
    wrong: list[tuple[int, Any, str]] = [
        (200, {"runs": [{"runId": 7}], "nextCursor": None}, "runs.0"),
        (200, {"runs": [], "nextCursor": None, "more": 1}, "'more' was unexpected"),
        (207, {}, "the status 207"),
        (503, {"error": "e", "message": "m", "requestId": "r"}, "no header Retry-After"),
    ]
    for status, body, said in wrong:
        found = faults(httpx.Response(status, json=body, request=request))
        assert any(said in fault for fault in found), (status, found)
    right = httpx.Response(200, json={"runs": [], "nextCursor": None}, request=request)
    assert faults(right) == []


def test_each_default_fits_its_type(described: dict[str, Any]) -> None:
    seen = 0

    def look(part: Any) -> None:
        nonlocal seen
        if isinstance(part, dict):
            if "default" in part and part.get("type"):
                validator(part).validate(part["default"])
                seen += 1
            for inner in part.values():
                look(inner)
        elif isinstance(part, list):
            for inner in part:
                look(inner)

    look(described)
    assert seen > 10
    link = described["components"]["schemas"]["LinkBody"]
    assert link["properties"]["expiresIn"]["default"] == "7d"


class Held:
    """Sends requests, whose answers the client validates, and records the operations."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.operations: set[str] = set()

    def __call__(self, method: str, path: str, body: object = None, **more: Any) -> Any:
        answer = self._client.request(method, path, json=body, **more)
        described = operation(method, path.partition("?")[0])
        assert described
        self.operations.add(described["operationId"])
        return answer.json()


def test_the_answers_of_the_server_fit_the_description(shared: Server) -> None:
    with shared.client() as client, Receiver() as receiver:
        held = Held(client)
        _definitions(held)
        _runs(held)
        _settings(held, receiver.address)
        _schedules(held)
    assert len(held.operations) > 45


def _definitions(held: Held) -> None:
    agent = {"name": "Described", "id": "described-agent", "instructions": "Answer.", "model": "m"}
    for kind, document in (("workflows", {**FLOW, "id": "described-flow"}), ("agents", agent)):
        one = f"/api/{kind}/{document['id']}"
        held("POST", f"/api/{kind}", document)
        held("PUT", one, {"description": "Changed"})
        shown = held("GET", one)
        assert "version" in shown
        held("PUT", one, shown)
        held("GET", f"/api/{kind}")
        held("GET", f"{one}/versions")
        held("POST", f"{one}/publish", {})
        copy = held("POST", f"{one}/clone")["id"]
        held("DELETE", f"/api/{kind}/{copy}")
        held("POST", f"/api/{kind}/{copy}/unarchive")
        held("DELETE", f"/api/{kind}/{copy}")
        held("DELETE", f"/api/{kind}/{copy}/permanent")
    held("GET", "/api/workflow/metadata/input/described-flow")
    held("POST", "/api/workflow/check", {"text": '{"steps": 1}'})
    held("GET", "/api/workflows/none")


def _runs(held: Held) -> None:
    run = held("POST", "/api/workflow/start/described-flow", {})["runId"]
    held("GET", f"/api/workflow/status/{run}")
    held("POST", f"/api/workflow/links/{run}", {})
    held("POST", f"/api/workflow/resume/{run}", {"type": "collect_inputs", "data": {"name": "A"}})
    answer = {"type": "request_user_action", "actionId": "act", "actionValue": "approved"}
    held("POST", f"/api/workflow/resume/{run}", answer)
    held("POST", f"/api/workflow/resume/{run}", answer)
    failing = held("POST", "/api/workflows", FAILS)["id"]
    assert held("POST", f"/api/workflow/start/{failing}", {})["error"]
    again = held("POST", f"/api/workflow/rerun/{run}", {"stepId": "act"})["runId"]
    held("GET", f"/api/workflow/status/{again}")
    other = held("POST", "/api/workflow/start-async/described-flow", {})["runId"]
    held("POST", "/api/workflow/management/cancel", {"runId": again})
    held("POST", "/api/workflow/management/terminate", {"runId": other})
    held("GET", "/api/workflow/runs")
    for dry in (True, False):
        body = {"action": "cancel", "filter": {"runIds": [other]}, "dryRun": dry}
        held("POST", "/api/workflow/management/bulk", body)
    held("DELETE", f"/api/workflow/runs/{other}")


def _schedules(held: Held) -> None:
    one = "/api/schedules/described"
    body = {"workflowId": "described-flow", "cron": "@hourly", "timeZone": "UTC", "jitter": "1m"}
    held("PUT", one, body)
    held("PUT", one, {**body, "missed": "all", "mostMissed": 3})
    held("PUT", one, held("GET", one))
    held("GET", "/api/schedules")
    held("POST", f"{one}/pause")
    held("POST", f"{one}/resume")
    held("GET", f"{one}/firings")
    held("DELETE", one)
    held("POST", "/api/signals", {"name": "described", "data": [1]})
    held("GET", "/api/signals")


def _settings(held: Held, receiver: str) -> None:
    key = held("POST", "/api/keys", {"role": "viewer", "name": "described"})["id"]
    held("GET", "/api/keys")
    held("DELETE", f"/api/keys/{key}")
    kid = held("POST", "/api/jwt-secrets", {"role": "viewer"})["kid"]
    held("GET", "/api/jwt-secrets")
    held("DELETE", f"/api/jwt-secrets/{kid}")
    held("PUT", "/api/secrets/DESCRIBED", {"value": "secret value"})
    held("PUT", "/api/secrets/DESCRIBED", {"value": "other value"})
    held("GET", "/api/secrets")
    held("DELETE", "/api/secrets/DESCRIBED")
    held("PUT", "/api/variables/DESCRIBED", {"value": [1]})
    held("GET", "/api/variables")
    held("DELETE", "/api/variables/DESCRIBED")
    held("PUT", "/api/models/described", {"provider": "openai", "model": "m", "baseUrl": receiver})
    held("GET", "/api/models/described")
    held("GET", "/api/models")
    held("DELETE", "/api/models/described")
    held("GET", "/api/tools")
    webhook = held("POST", "/api/webhooks", {"url": receiver, "events": ["run.*"]})["id"]
    one = f"/api/webhooks/{webhook}"
    held("GET", "/api/webhooks")
    held("PUT", one, {"name": "Described"})
    held("POST", f"{one}/test")
    held("POST", f"{one}/secret", {})
    held("GET", f"{one}/deliveries")
    held("POST", f"{one}/redeliver")
    for word in ("disable", "enable"):
        held("POST", f"{one}/{word}")
    held("GET", one)
    held("DELETE", one)
