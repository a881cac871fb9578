"""Sensitive fields are used by steps but never shown, logged or stored as plain text."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from steps.checking.check import check_definition
from steps.registry import Registry
from tests.harness.echo import Echo
from tests.harness.server import Server, settled

TOKEN = f"sensitive-{secrets.token_urlsafe(24)}"
CHILD = {"name": "Child", "id": "seen-child", "initialStep": "end",
         "steps": [{"id": "end", "type": "end-flow", "result": {"given": "{{ data.given }}"}}]}  # fmt: skip


def flow(address: str) -> dict[str, Any]:
    return {
        "name": "Signs in", "initialStep": "fetch",
        "steps": [
            {"id": "fetch", "type": "call-api", "method": "POST", "url": f"{address}/200",
             "text": '{"token": "' + TOKEN[:10] + '{{ data.rest }}"}',
             "output": {"token": {"type": "object", "sensitive": True,
                                  "value": {"access": "{{ (response.body.body | from_json).token }}"}},
                        "plain": {"type": "string", "value": "got {{ response.body.body }}"}}},
            {"id": "wait", "type": "wait", "duration": "2s"},
            {"id": "use", "type": "call-api", "method": "POST", "url": f"{address}/200",
             "auth": {"type": "bearer", "token": "{{ data.token.access }}"},
             "output": {"echoed": {"type": "string", "value": "{{ response.body.headers.authorization }}"}}},
            {"id": "copy", "type": "set", "values": {"copied": "{{ data.token }}"},
             "append": {"list": "{{ data.token.access }}"}},
            {"id": "call", "type": "call-workflow", "workflowId": "seen-child",
             "data": {"given": "{{ data.token.access }}"}},
            {"id": "fork", "type": "parallel", "branches": {
                "one": {"workflow": "seen-child", "with": {"given": 1}},
                "two": {"workflow": "seen-child", "needs": ["one"],
                        "with": {"given": "{{ data.token.access }}"}}}},
            {"id": "end", "type": "end-flow",
             "result": {"token": "{{ data.token.access }}", "child": "{{ steps.call.output }}"}},
        ],
        "edges": [
            {"from": "fetch", "to": "wait", "condition": "data.token.access is startingwith('sensitive-')"},
            {"from": "copy", "to": "end", "condition": "data.fails and data.token.access > 5"},
            *({"from": one, "to": other} for one, other in (
                ("wait", "use"), ("use", "copy"), ("copy", "call"), ("call", "fork"), ("fork", "end"))),
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    with Echo() as running:
        yield running


def test_a_sensitive_value_is_used_by_later_steps_and_shown_nowhere(
    server: Server, echo: Echo
) -> None:
    with server.client() as client:
        # The part of the token that is plain input is not sensitive itself.
        assert client.post("/api/workflows", json=CHILD).status_code == 201
        made = client.post("/api/workflows", json=flow(echo.address))
        assert made.status_code == 201, made.text
        start = f"/api/workflow/start-async/{made.json()['id']}"
        run = client.post(start, json={"data": {"rest": TOKEN[10:], "fails": False}}).json()[
            "runId"
        ]
        wrong = client.post(start, json={"data": {"rest": TOKEN[10:], "fails": True}}).json()[
            "runId"
        ]
    server.kill()  # while it waits: later steps use the value read from the journal
    server.start()
    with server.client() as client:
        status = settled(client, run, "completed")
        used = [seen for seen in echo.seen if "authorization" in seen["headers"]]
        failed = settled(client, wrong, "failed")
        assert failed["error"]["type"] == "ConditionFailed"
        assert failed["error"]["message"].endswith("so the reason is not shown")
        assert {seen["headers"]["authorization"] for seen in used} == {f"Bearer {TOKEN}"}
        data = status["data"]
        assert (data["token"], data["plain"]) == ("***", 'got {"token": "***"}')
        assert (data["echoed"], data["copied"], data["list"]) == (
            "Bearer ***",
            {"access": "***"},
            ["***"],
        )
        assert status["result"]["token"] == "***"
        shown = [json.dumps(status), json.dumps(failed)]
        shown += [
            client.get(f"/api/workflow/status/{child}").text for child in status["childRunIds"]
        ]
        shown += [client.get(f"/runs/{run}").text]
        assert "***" in shown[2]
    assert not [text for text in shown if TOKEN in text]
    kept = [item.read_bytes() for item in server.data.iterdir() if item.is_file()]
    assert not [item for item in [*kept, server.log.read_bytes()] if TOKEN.encode() in item]


def problems(*steps: dict[str, Any], condition: str = "true") -> list[str]:
    whole = {"name": "x", "initialStep": steps[0]["id"],
             "steps": [*steps, {"id": "end", "type": "end-flow"}],
             "edges": [{"from": steps[0]["id"], "to": "end", "condition": condition},
                       {"from": steps[0]["id"], "to": "end"}]}  # fmt: skip
    found = check_definition(whole, Registry.built_in()).problems
    return [f"{item.path}: {item.message}" for item in found]


def get(**spec: Any) -> dict[str, Any]:
    output = {"token": {"type": "string", "value": "x", "sensitive": True, **spec}}
    return {"id": "get", "type": "call-api", "url": "https://a.example", "output": output}


def test_definitions_that_would_show_a_sensitive_field_are_refused() -> None:
    assert problems(get()) == []
    assert problems(get(), condition="data.token == 'x'") == []
    assert problems(get(default="x"))[0].startswith(
        "steps[0].output.token.default: would be visible"
    )
    assert problems(get(sensitive="yes"))[0] == (
        "steps[0].output.token.sensitive: must be true or false"
    )
    asks = {
        "id": "ask",
        "type": "collect-inputs",
        "output": {"pin": {"type": "string", "sensitive": True}},
    }
    assert problems(asks)[0].startswith("steps[0].output.pin.sensitive: the history shows")
