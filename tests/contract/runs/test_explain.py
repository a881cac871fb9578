"""Origin of a value of a run, and the steps that it reached."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.wire.parsing.errors import BadRequest
from app.wire.runs.explanation import explained
from app.wire.runs.transcript import conversation
from engine import (
    Event,
    Record,
    RunCompleted,
    RunResumed,
    RunStarted,
    StepCompleted,
    StepSkipped,
    StepStarted,
    Visit,
    VisitStatus,
)
from steps.registry import Registry
from tests.harness.counted_work import calls_of
from tests.harness.echo import Echo
from tests.harness.processes import command
from tests.harness.server import Server, settled

STEPS: list[dict[str, Any]] = [
    {"id": "fetch", "type": "call-api", "method": "POST", "url": "{{ data.url }}/200",
     "body": {"n": "{{ data.count }}"},
     "output": {"sent": {"type": "string", "value": "{{ response.body.body }}"}}},
    {"id": "add", "type": "set", "values": {"total": "{{ data.count * 2 }}", "more": "{{ data.total + 1 }}"}},
    {"id": "ask", "type": "request-user-action", "message": "Pay {{ data.total }}?"},
    {"id": "end", "type": "end-flow", "result": {"total": "{{ data.more }}", "said": "{{ steps.ask.output.actionValue }}",
     "sent": "{{ data.sent }}"}},
]  # fmt: skip
EDGES = [
    {"from": "fetch", "to": "add"}, {"from": "add", "to": "ask", "condition": "data.total > 1"},
    {"from": "add", "to": "end"}, {"from": "ask", "to": "end"},
]  # fmt: skip


@pytest.fixture(scope="module")
def client(shared: Server) -> Iterator[httpx.Client]:
    with shared.client() as client:
        fields = {"url": {"type": "string"}, "count": {"type": "number"}}
        document = {"id": "traced", "name": "Traced", "initialStep": "fetch", "payload": fields, "steps": STEPS, "edges": EDGES}  # fmt: skip
        client.post("/api/workflows", json=document).raise_for_status()
        yield client


@pytest.fixture(scope="module")
def run(client: httpx.Client) -> str:
    with Echo() as echo:
        data = {"url": echo.address, "count": 3}
        answer = client.post("/api/workflow/start/traced", json={"data": data}).json()
    said = {"type": "request_user_action", "actionId": "ask", "actionValue": "approved"}
    client.post(f"/api/workflow/resume/{answer['runId']}", json=said).raise_for_status()
    assert settled(client, answer["runId"])["result"]["total"] == 7
    return str(answer["runId"])


def explain(client: httpx.Client, run: str, path: str, **more: Any) -> Any:
    answer = client.get(f"/api/workflow/runs/{run}/explain", params={"path": path, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def line(reported: dict[str, Any]) -> list[tuple[str, str]]:
    return [(node["path"], node["kind"]) for node in reported["chain"]]


def test_a_value_is_traced_to_where_it_came_from(client: httpx.Client, run: str) -> None:
    reported = explain(client, run, "result.total")
    assert reported["value"] == 7
    assert line(reported) == [("result.total", "step"), ("data.more", "step"), ("data.total", "step"), ("data.count", "input")]  # fmt: skip
    assert [node["from"] for node in reported["chain"]] == [[1], [2], [3], []]
    assert reported["chain"][0]["made"] == [{"place": "result", "expression": "data.more", "reads": ["data.more"]}]  # fmt: skip
    assert reported["chain"][1]["made"][0]["place"] == "values.more"
    assert reported["chain"][3] | {"time": ""} == {"path": "data.count", "kind": "input", "value": 3, "event": 1, "time": "", "by": reported["chain"][3]["by"], "from": []}  # fmt: skip
    person = explain(client, run, "result.said")["chain"][1]
    assert (person["kind"], person["value"], person["stepId"]) == ("person", "approved", "ask")
    assert person["by"].startswith("key:")
    service = explain(client, run, "result.sent")
    assert ("steps.fetch.output.body.body", "service") in line(service)
    assert ("data.url", "input") in line(service)
    found = next(node for node in service["chain"] if node["kind"] == "service")
    assert found["service"] == "{{ data.url }}/200"


def test_the_steps_that_a_value_reached_are_listed(client: httpx.Client, run: str) -> None:
    reported = explain(client, run, "steps.add.output")["reached"]
    direct = {(one["stepId"], one["place"]) for one in reported if one["isDirect"]}
    assert direct == {("add", "edges[1].condition"), ("ask", "message"), ("end", "result.total")}
    assert {one["stepId"] for one in reported if not one["isDirect"]} == {"end"}, (
        "by way of the answer"
    )
    assert {one["stepId"] for one in explain(client, run, "data.sent")["reached"]} == {"end"}
    earlier = explain(client, run, "data.count", at=1_000)
    assert {one["stepId"] for one in earlier["reached"]} == {"fetch", "add", "ask", "end"}


PRICED: dict[str, Any] = {
    "steps": [
        {"id": "price", "type": "call-api", "url": "http://x/{{ data.customer }}",
         "output": {"items": {"type": "array", "value": "{{ response.body['items'] }}"}}},
        {"id": "sum", "type": "set", "values": {"total": "{{ data['items'][0].price + 1 }}", "twice": "{{ data.total * 2 }}"}},
        {"id": "hear", "type": "wait-for-signal", "signal": "paid", "output": {"amount": {"type": "number", "value": "{{ signal.data.amount }}"}}},
        {"id": "end", "type": "end-flow", "result": {"due": "{{ data.twice - data.amount }}", "sku": "{{ data['items'][1].sku }}"}},
    ],
    "edges": [{"from": "price", "to": "sum"}, {"from": "sum", "to": "hear", "condition": "data.total > 3"}, {"from": "hear", "to": "end"}],
}  # fmt: skip
ITEMS: Any = [{"sku": "a", "price": 3}, {"sku": "b", "price": 4}]


def priced(path: str, *, skipped: bool = False) -> Any:
    """Return the explanation of a value of a run that asked a service, and heard a signal."""
    signal: Any = {"name": "paid", "key": None, "data": {"amount": 5}}
    answer = StepSkipped(1, "hear", 1, caller="key:ada", reason="seen") if skipped else RunResumed(1, "hear", 1, signal, "signal")  # fmt: skip
    events: list[Event] = [
        RunStarted(1, "r", "w", "1", "price", {"customer": "Ada", "pin": "7"}),
        StepStarted(1, "price", 1, 1, "call-api"),
        StepCompleted(1, "price", 1, {"status": 200, "body": {"items": ITEMS}}, {"items": ITEMS}, "sum"),
        StepStarted(1, "sum", 1, 1, "set"),
        StepCompleted(1, "sum", 1, {"total": 4, "twice": 8}, {"total": 4, "twice": 8}, "hear"),
        StepStarted(1, "hear", 1, 1, "wait-for-signal"), answer,
        StepCompleted(1, "hear", 1, signal, {"amount": 5}, "end"),
        StepStarted(1, "end", 1, 1, "end-flow"),
        StepCompleted(1, "end", 1, {"due": 3, "sku": "b"}, {}, None),
        RunCompleted(1, {"due": 3, "sku": "b"}),
    ]  # fmt: skip
    kinds = Registry.built_in()
    return explained(
        events, PRICED, path, None, lambda name: getattr(kinds.get(name), "settings", None)
    )


@pytest.mark.parametrize(
    ("path", "reached"),
    [
        ("data.pin", []),
        ("data.items[0].price", [("sum", "values.total", True), ("sum", "values.twice", False), ("sum", "edges[1].condition", False), ("end", "result.due", False)]),
        ("data.items[-1]", [("sum", "values.total", True), ("sum", "values.twice", False), ("sum", "edges[1].condition", False), ("end", "result.sku", True), ("end", "result.due", False)]),
        ("data.items[1].sku", [("end", "result.sku", True)]),
        ("data.total", [("sum", "values.twice", True), ("sum", "edges[1].condition", True), ("end", "result.due", False)]),
        ("data.twice", [("end", "result.due", True)]),
        ("data.amount", [("end", "result.due", True)]),
    ],
)  # fmt: skip
def test_a_value_reached_what_read_it_and_not_its_neighbours(path: str, reached: Any) -> None:
    found = priced(path)["reached"]
    assert [(one["stepId"], one["place"], one["isDirect"]) for one in found] == reached


@pytest.mark.parametrize(
    ("path", "chain"),
    [
        ("data.items[0].price", [("data.items[0].price", "service"), ("steps.price.output.body.items[0].price", "service"), ("data.customer", "input")]),
        ("data.amount", [("data.amount", "signal"), ("steps.hear.output.data.amount", "signal")]),
    ],
)  # fmt: skip
def test_a_part_of_a_value_is_traced_to_the_part_it_was_made_from(path: str, chain: Any) -> None:
    assert line(priced(path)) == chain


def test_a_value_of_a_skipped_step_comes_from_the_person_who_gave_it() -> None:
    (node,) = priced("data.amount", skipped=True)["chain"]
    assert (node["kind"], node["by"], node["reason"]) == ("person", "key:ada", "seen")
    heard = priced("data.amount")["chain"][0]
    assert (heard["service"], "by" in heard) == ("paid", False)


@pytest.mark.parametrize("path", ["data.items[5]", "data.items.0.price", "data.customer.name", "data.total[0]"])  # fmt: skip
def test_a_part_that_a_value_does_not_have_is_refused(path: str) -> None:
    with pytest.raises(BadRequest):
        priced(path)


def test_an_explanation_costs_in_proportion_to_the_definition_and_is_limited() -> None:
    kind = Registry.built_in().get("set")
    assert kind is not None

    def work(count: int) -> int:
        one = {f"v{i}": "{{ data.x }}" for i in range(count)}
        two = {f"w{i}": "{{ steps.a.output }}" for i in range(count)}
        steps = [{"id": "a", "type": "set", "values": one}, {"id": "b", "type": "set", "values": two}]  # fmt: skip
        edges = [{"from": "a", "to": "b", "condition": "data.x"}] * count
        events: list[Event] = [RunStarted(1, "r", "w", "1", "a", {"x": [*range(count)]})]
        for visit in range(1, count + 1):
            for name in "ab":
                events += [StepStarted(1, name, visit, 1, "set"), StepCompleted(1, name, visit, dict(one), {}, "a")]  # fmt: skip

        def ask() -> None:
            reported: Any = explained(events, {"steps": steps, "edges": edges}, "steps.b.output", None, lambda _: kind.settings)  # fmt: skip
            assert len(reported["chain"]) == 3
            assert len(json.dumps(reported)) < 1_000_000
            reported = explained(events, {"steps": steps, "edges": edges}, "data.x", None, lambda _: kind.settings)  # fmt: skip
            assert (len(reported["reached"]), reported["isCut"]) == (100, True)

        ask()
        return calls_of(ask)

    assert work(160) < 6 * work(40)


def test_a_transcript_costs_in_proportion_to_its_turns() -> None:
    def work(count: int) -> int:
        records = {}
        for turn in range(1, count + 1):
            records[f"turn-{turn}"] = Record(1, {"text": "", "toolCalls": []})
            records[f"turn-{turn}/call-1"] = Record(1, {"ok": True, "result": turn})
        visit = Visit("a", 1, "call-agent", None, VisitStatus.RUNNING, 1, 1, records=records)
        reported: Any = conversation(visit)
        assert [item.get("result") for item in reported["messages"][1::2]] == [*range(1, count + 1)]
        return calls_of(lambda: conversation(visit))

    assert work(160) < 5 * work(40)


def test_an_unknown_value_is_refused(client: httpx.Client, run: str, shared: Server) -> None:
    for path in ("result.none", "data.nothing", "steps.nobody.output", "[", "other"):
        address = f"/api/workflow/runs/{run}/explain"
        answer = client.get(address, params={"path": path})
        assert (answer.status_code, answer.json()["details"][0]["path"]) == (400, "path"), path
    assert explain(client, run, "data.count", at=2)["chain"][0]["kind"] == "input"
    place = ["--url", shared.address, "--key", shared.key(), "--tenant", "acme", "--json"]
    assert command("explain", run, "result.total", *place)["value"] == 7
    with shared.client("owner", "other") as other:
        assert other.get(address, params={"path": "result"}).status_code == 404
