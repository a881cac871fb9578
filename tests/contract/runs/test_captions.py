"""Titles and labels of runs: evaluated from the definition, searchable, stored with the run."""

import json
from typing import Any

import httpx
import pytest

import stepwell
from tests.harness.server import Server, settled

ORDER: dict[str, Any] = {
    "name": "Order", "initialStep": "total",
    "title": "Order {{ data.number }} of {{ data.customer.name }}",
    "labels": {"customer": "{{ data.customer.name }}", "total": "{{ data.total }}",
               "region": "{{ data.region | default(constants.home) }}"},
    "constants": {"home": "EU"},
    "payload": {"number": {"type": "integer"}, "customer": {"type": "object"}},
    "steps": [
        {"id": "total", "type": "set", "values": {"total": "{{ data.number * 2 }}"}},
        {"id": "ask", "type": "request-user-action", "message": "Right?",
         "actions": [{"value": "yes", "label": "Yes"}],
         "output": {"total": {"type": "integer", "value": 99}}},
        {"id": "lines", "type": "call-workflow", "workflowId": "#line", "items": [1, 2]},
        {"id": "end", "type": "end-flow"},
    ],
    "edges": [{"from": "total", "to": "ask"}, {"from": "ask", "to": "lines"},
              {"from": "lines", "to": "end"}],
    "workflows": {"line": {"initialStep": "end", "steps": [{"id": "end", "type": "end-flow"}],
                           "edges": []}},
}  # fmt: skip


def started(client: httpx.Client, workflow: str, data: dict[str, Any]) -> str:
    answer = client.post(f"/api/workflow/start-async/{workflow}", json={"data": data})
    assert answer.status_code == 200, answer.text
    run_id = str(answer.json()["runId"])
    settled(client, run_id, "paused")
    return run_id


def found(client: httpx.Client, **query: Any) -> list[str]:
    answer = client.get("/api/workflow/runs", params=query)
    assert answer.status_code == 200, answer.text
    return [line["runId"] for line in answer.json()["runs"]]


@pytest.fixture
def orders(shared: Server) -> tuple[str, list[str]]:
    with shared.client("editor") as client:
        made = client.post("/api/workflows", json=ORDER)
        assert made.status_code == 201, made.text
        workflow = str(made.json()["id"])
        names = ["Müller & Söhne", "Maier, Sons", "Xaver_AG"]
        customers = [{"number": n, "customer": {"name": name}} for n, name in enumerate(names, 41)]
        return workflow, [started(client, workflow, data) for data in customers]


def test_runs_are_found_by_title_and_label(shared: Server, orders: tuple[str, list[str]]) -> None:
    workflow, (first, second, third) = orders
    with shared.client("operator") as client:
        status = client.get(f"/api/workflow/status/{first}").json()
        assert status["title"] == "Order 41 of Müller & Söhne"
        assert status["labels"] == {"customer": "Müller & Söhne", "total": "82", "region": "EU"}
        for text in ("muller sohne", "MÜL", "41 order", first, first.rpartition("-")[2]):
            assert found(client, text=text, workflowId=workflow) == [first], text
        assert found(client, text="order", workflowId=workflow) == [third, second, first]
        assert found(client, text="order", workflowId=workflow, status="completed") == []
        assert found(client, text='"*) OR tenant:', workflowId=workflow) == []
        assert found(client, label="customer:Maier, Sons", workflowId=workflow) == [second]
        assert found(client, label="customer:Xaver_AG,total:86") == [third]
        assert found(client, label="customer:Xaver_AG,total:82") == []
        assert client.get("/api/workflow/runs", params={"label": "none"}).status_code == 400
        page = client.get(
            "/api/workflow/runs", params={"text": "order", "workflowId": workflow, "limit": 2}
        ).json()
        rest = found(client, text="order", workflowId=workflow, cursor=page["nextCursor"])
        assert ([line["runId"] for line in page["runs"]], rest) == ([third, second], [first])
        nobody = started(client, workflow, {"number": 44, "customer": {"name": ["a", "b"]}})
        status = client.get(f"/api/workflow/status/{nobody}").json()
        assert (status["title"], status["labels"]) == (
            "Order 44 of",
            {"total": "88", "region": "EU"},
        )
    with shared.client("viewer", "other") as client:
        assert found(client, text="muller") == found(client, label="customer:Xaver_AG") == []


def test_a_title_is_updated_with_the_run_and_survives_a_restart(
    shared: Server, orders: tuple[str, list[str]]
) -> None:
    workflow, (first, *_) = orders
    shared.kill()
    shared.start()
    with shared.client("operator") as client:
        said = {"type": "request_user_action", "actionId": "ask", "actionValue": "yes"}
        client.post(f"/api/workflow/resume/{first}", json=said)
        done = settled(client, first, "completed")
        assert done["labels"]["total"] == "99"
        assert found(client, label="total:82", workflowId=workflow) == []
        assert found(client, label="total:99", workflowId=workflow) == [first]
        everything = found(client, workflowId=workflow)
        assert len(everything) == len(found(client, workflowId=workflow, topLevel=True)) + 2


def test_runs_are_terminated_by_label_and_no_others(
    shared: Server, orders: tuple[str, list[str]]
) -> None:
    workflow, (first, second, third) = orders
    with stepwell.Client(
        url=shared.address, api_key=shared.key("operator"), tenant="acme"
    ) as client:
        which = stepwell.RunFilter(workflow_id=workflow, labels={"customer": "Maier, Sons"})
        (line,) = client.runs(workflow_id=workflow, labels=which.labels)
        assert (line.run_id, line.title) == (second, "Order 42 of Maier, Sons")
        assert client.bulk_count("terminate", which).matched == 1
        assert client.bulk("terminate", which).changed == 1
        assert client.bulk_count("cancel", stepwell.RunFilter(text="xaver")).matched >= 1
    with shared.client("operator") as reader:
        stood = [settled(reader, run_id)["status"] for run_id in (first, second, third)]
    assert stood == ["paused", "terminated", "paused"]


def test_sensitive_or_unknown_fields_in_titles_are_refused_at_save(shared: Server) -> None:
    wrong = {
        **ORDER, "title": "{{ data.pin }} {{ data.numbr }}", "labels": {"a": "{{ 1 | nope }}"},
        "payload": {**ORDER["payload"], "pin": {"type": "string"}},
    }  # fmt: skip
    wrong["steps"] = [
        {**ORDER["steps"][0], "output": {"pin": {"type": "string", "sensitive": True}}},
        *ORDER["steps"][1:],
    ]
    with shared.client("editor") as client:
        reported = client.post("/api/workflow/check", json={"text": json.dumps(wrong)}).json()
    problems = {item["path"]: item["message"] for item in reported["problems"]}
    assert problems["title"] == "data.pin is sensitive, so it cannot be shown"
    assert problems["labels.a"].startswith("{{ 1 | nope }}: there is no filter nope")
    assert "data has numbr" in str(reported["warnings"]) or "has numbr" in str(reported["warnings"])
