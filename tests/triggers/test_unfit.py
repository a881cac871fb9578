"""What a trigger, a schedule or a webhook says without effect is refused when it is saved."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.harness.server import Server
from tests.triggers.conftest import nothing_to_do

FIELDS = {"n": {"type": "integer", "required": False}}
REQUEST = {"workflowId": "unfit", "verify": {"preset": "none"}}
ENDS = {"on": "run.failed", "workflowId": "unfit"}
FORM = {"on": "form", "workflowId": "unfit"}
DAILY = {"workflowId": "unfit", "cron": "@daily", "timeZone": "UTC"}
HOOK = {"url": "https://example.com/h", "events": ["run.failed"]}
TRIGGER, SCHEDULE = "/api/triggers/unfit", "/api/schedules/unfit"


@pytest.fixture(scope="module")
def owner(shared: Server) -> Iterator[httpx.Client]:
    with shared.client() as client:
        document = nothing_to_do("unfit", payload=FIELDS)
        client.post("/api/workflows", json=document).raise_for_status()
        yield client


@pytest.mark.parametrize(
    ("address", "document", "path", "reported"),
    [
        (TRIGGER, REQUEST | {"idempotencyKey": "order"}, "idempotencyKey", "all requests"),
        (TRIGGER, REQUEST | {"data": [1]}, "data", "must be an object, not a list"),
        (TRIGGER, REQUEST | {"data": "x"}, "data", "a template that gives one"),
        (TRIGGER, REQUEST | {"when": "request.bdy.x"}, "when", "did you mean body?"),
        (TRIGGER, REQUEST | {"data": {"n": "{{ request.json.n }}"}}, "data", "request has no json"),
        (TRIGGER, REQUEST | {"data": {"n": "x"}}, "data.n", "must be a whole number"),
        (TRIGGER, REQUEST | {"enabled": "no"}, "enabled", "must be true or false"),
        (TRIGGER, REQUEST | {"maxBytes": True}, "maxBytes", "must be a whole number"),
        (TRIGGER, ENDS | {"when": "run.workflow == 'x'"}, "when", "did you mean workflowId?"),
        (TRIGGER, REQUEST | {"data": {"n": "{{ request.body | uper }}"}}, "data.n", "mean upper?"),
        (TRIGGER, REQUEST | {"when": "request.body.x is emty"}, "when", "no test emty"),
        (TRIGGER, ENDS | {"signal": {"name": "s", "key": "{{ data.x | uper }}"}}, "signal.key",
         "no filter uper"),
        (TRIGGER, FORM | {"data": {"n": "x"}}, "data.n", "must be a whole number"),
        (TRIGGER, FORM | {"data": {"m": "{{ run.id }}"}}, "data.m", "is not evaluated here"),
        (SCHEDULE, DAILY | {"enabled": "no"}, "enabled", "must be true or false"),
        ("/api/webhooks", HOOK | {"workflowIds": []}, "workflowIds", "at least 1 item"),
    ],
)  # fmt: skip
def test_what_has_no_effect_is_refused(
    owner: httpx.Client, address: str, document: dict[str, Any], path: str, reported: str
) -> None:
    method = "POST" if address == "/api/webhooks" else "PUT"
    answer = owner.request(method, address, json=document)
    assert answer.status_code == 400, answer.text
    found = {one["path"]: one["message"] for one in answer.json()["details"]}
    assert reported in found.get(path, ""), found


@pytest.mark.parametrize(
    "document",
    [
        REQUEST | {"data": "{{ request.body }}", "idempotencyKey": "{{ request.body.id }}"},
        REQUEST | {"data": {"n": "{{ request.query.n }}"}, "when": "request.headers['x-a'] == 'b'"},
        ENDS | {"data": {"n": 1, "by": "{{ run.caller }}"}},
        FORM | {"data": {"n": 1}},
    ],
)
def test_what_has_an_effect_is_accepted(owner: httpx.Client, document: dict[str, Any]) -> None:
    answer = owner.put(TRIGGER, json=document)
    assert answer.is_success, answer.text
    assert owner.put(TRIGGER, json=answer.json()).is_success  # what is shown can be sent back
