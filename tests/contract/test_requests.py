"""What a request says has effect, or is refused: queries, bodies, versions, addresses, answers."""

import json
from typing import Any

import pytest

from tests.harness.server import Server, settled

ASKS = {
    "name": "Requests",
    "steps": [
        {"id": "act", "type": "request-user-action"},
        {"id": "fill", "type": "collect-inputs", "output": {"n": {"type": "integer"}}},
        {"id": "end", "type": "end-flow"},
    ],
    "edges": [{"from": "act", "to": "fill"}, {"from": "fill", "to": "end"}],
}


@pytest.fixture(scope="module")
def asks(shared: Server) -> str:
    with shared.client() as client:
        return str(client.post("/api/workflows", json=ASKS).json()["id"])


QUERIES = [
    ("/api/workflow/runs?status=failed&status=completed", "status", "is given more than once"),
    ("/api/workflow/runs?workflowId=", "workflowId", "must have at least 1 character"),
    ("/api/workflow/runs?since=2026", "since", "must be a date with a time and a zone"),
    ("/api/workflow/runs?since=1796071777554", "since", "must be a date with a time and a zone"),
    ("/api/workflow/runs?since=2026-01-31", "since", "must have a time zone"),
    ("/api/workflow/runs?label=customer", "label", "must be the name of a label"),
    ("/api/workflow/runs?cursor=x", "cursor", "must be a position as an earlier answer gave it"),
    ("/api/workflows?limit=1_0", "limit", "must be a whole number"),
    ("/api/workflows?limit=%201", "limit", "must be a whole number"),
    ("/api/workflow/metadata/input/ID?vrsion=1.0.0", "vrsion", "did you mean version"),
    ("/api/workflow/metadata/input/ID?version=", "", "has no version ''"),
    ("/api/workflows/ID?version=published", "", "has no published version"),
    ("/api/keys?limit=5", "limit", "is not a known key"),
    ("/api/audit?until=2026", "until", "must be a date with a time and a zone"),
    ("/api/usage?since=x", "since", "must be a date such as 2026-01-31"),
    ("/api/usage?until=1796071777", "until", "must be a date such as 2026-01-31"),
    ("/api/usage?until=2026-13-01", "until", "must be a date such as 2026-01-31"),
]


@pytest.mark.parametrize(("address", "path", "reported"), QUERIES)
def test_a_query_is_read_as_one_thing_or_refused(
    shared: Server, asks: str, address: str, path: str, reported: str
) -> None:
    with shared.client() as client:
        answer = client.get(address.replace("ID", asks))
    assert answer.status_code == (400 if path else 404), answer.text
    assert [one["path"] for one in answer.json().get("details", ())] == ([path] if path else [])
    assert reported in answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "below", "sent"),
    [
        ("POST", "/clone", {"json": {"name": "Another"}}),
        ("POST", "/clone", {"params": {"version": "1.0.0"}}),
        ("POST", "/unarchive", {"json": {"status": "testing"}}),
        ("DELETE", "", {"params": {"permanent": "true"}}),
        ("DELETE", "", {"json": {"reason": "old"}}),
    ],
)
def test_a_call_without_a_body_refuses_what_it_would_not_read(
    shared: Server, asks: str, method: str, below: str, sent: dict[str, Any]
) -> None:
    with shared.client() as client:
        answer = client.request(method, f"/api/workflows/{asks}{below}", **sent)
        assert answer.status_code == 400, answer.text
        assert "is not a known key" in answer.json()["message"]
        assert client.get(f"/api/workflows/{asks}").json()["status"] == "draft"
        empty = client.post(f"/api/workflows/{asks}/clone", json={})
        assert empty.status_code == 201


def test_a_version_is_named_once_and_a_blank_one_is_none_that_exists(
    shared: Server, asks: str
) -> None:
    address = f"/api/workflow/start-async/{asks}"
    with shared.client() as client:
        assert client.post(address, json={"data": {}, "version": ""}).status_code == 404
        twice = client.post(f"{address}?version=1.0.0", json={"data": {}, "version": "latest"})
        assert twice.status_code == 400, twice.text
        assert "'1.0.0' in the address" in twice.json()["message"]
        same = client.post(f"{address}?version=1.0.0", json={"data": {}, "version": "1.0.0"})
        assert same.status_code == 200


def test_an_id_in_a_change_is_that_of_its_address(shared: Server, asks: str) -> None:
    with shared.client() as client:
        other = client.put(f"/api/workflows/{asks}", json={"id": "another"})
        assert other.status_code == 400, other.text
        assert other.json()["details"] == [
            {"path": "id", "message": f"stays {asks!r} at this address; leave it out"}
        ]
        assert client.put(f"/api/workflows/{asks}", json={"id": asks}).status_code == 200


def test_an_escaped_slash_leads_to_no_other_address(shared: Server, asks: str) -> None:
    with shared.client() as client:
        assert client.get(f"/api/workflows/{asks}%2Fversions").status_code == 404
        assert client.delete(f"/api/workflows/{asks}%2fpermanent").status_code == 404
        assert client.get(f"/api/workflows/{asks}").status_code == 200


def test_an_answer_has_only_what_was_asked_for(shared: Server, asks: str) -> None:
    with shared.client() as client:
        run_id = client.post(f"/api/workflow/start/{asks}", json={}).json()["runId"]
        address = f"/api/workflow/resume/{run_id}"
        act = {"type": "request_user_action", "actionId": "act", "actionValue": "approved"}
        more = client.post(address, json={**act, "data": {"amount": 5}})
        assert more.status_code == 400, more.text
        assert more.json()["details"] == [{"path": "data.amount", "message": "was not asked for"}]
        assert client.post(address, json={**act, "data": {}}).status_code == 200

        settled(client, run_id, "paused")
        fill = {"type": "collect_inputs", "data": {"n": 1}}
        decided = client.post(address, json={**fill, "actionValue": "rejected"})
        assert decided.status_code == 400, decided.text
        assert [one["path"] for one in decided.json()["details"]] == ["actionValue"]
        assert client.post(address, json=fill).status_code == 200


@pytest.mark.parametrize(
    ("kind", "rest"),
    [
        ("agents", {"instructions": "Answer."}),
        ("workflows", {"steps": [{"id": "end", "type": "end-flow"}], "edges": []}),
    ],
)
def test_a_name_has_no_nul_character(shared: Server, kind: str, rest: dict[str, Any]) -> None:
    with shared.client() as client:
        refused = client.post(f"/api/{kind}", json={"name": "a\x00b", **rest})
    told = [{"path": "name", "message": "cannot have a NUL character"}]
    assert (refused.status_code, refused.json()["details"]) == (400, told)


@pytest.mark.parametrize("odd", [[], {"a": 1}, [["x"]], 5, None])
def test_names_of_any_kind_in_a_definition_are_checked(shared: Server, odd: object) -> None:
    step = {"id": "a", "type": "call-workflow", "workflowId": odd, "agentId": odd, "workflow": odd}
    end = {"id": "end", "type": "end-flow"}
    whole = {"name": "x", "steps": [step, end], "edges": [{"from": "a", "to": "end"}]}
    with shared.client() as client:
        for text in (whole, {"name": "x", "model": "m", "instructions": "i", "tools": [step]}):
            answer = client.post("/api/workflow/check", json={"text": json.dumps(text)})
            assert answer.status_code == 200, answer.text
            assert answer.json()["problems"], answer.text
