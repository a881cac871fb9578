"""A setting that another setting of the same step deprives of its effect is refused at a save."""

from typing import Any

import pytest

from steps.checking.check import check_definition
from steps.definition import compile_definition
from steps.registry import Registry

REGISTRY = Registry.built_in()
API = {"type": "call-api", "url": "https://a.example"}
HEAD = {**API, "method": "HEAD"}
ASKS = {"type": "request-user-action", "actions": [{"value": "yes"}]}
LATE = {**ASKS, "deadline": "1h", "onDeadline": "fail"}
LLM = {"type": "call-llm", "prompt": "Hello?"}
AGENT = {"type": "call-agent", "agentId": "clerk", "message": "Hello"}
FIELDS = {"a": {"type": "string"}}


def flow(step: dict[str, Any], **more: Any) -> dict[str, Any]:
    steps = [{"id": "s", **step}, {"id": "end", "type": "end-flow"}]
    if step["type"] == "end-flow":
        return {"name": "x", "initialStep": "s", "steps": steps[:1], **more}
    edges = [{"from": "s", "to": "end"}]
    return {"name": "x", "initialStep": "s", "steps": steps, "edges": edges, **more}


def problems(document: dict[str, Any]) -> list[str]:
    return [item.path for item in check_definition(document, REGISTRY).problems]


@pytest.mark.parametrize(
    ("step", "path", "mended"),
    [
        (HEAD | {"saveAs": "file"}, "saveAs", {"method": "GET"}),
        ({"type": "wait", "duration": "1s", "retry": {}}, "retry", {"retry": None}),
        (API | {"retry": {"on": []}}, "retry.on", {"retry": {"on": ["Timeout"]}}),
        ({"type": "wait", "until": "tomorrow"}, "until", {"until": "2026-01-31T12:00:00Z"}),
        ({"type": "wait", "until": "2026-01-31"}, "until", {"until": "2026-01-31t12:00:00z"}),
        ({"type": "wait", "until": "2026-01-31"}, "until", {"until": "{{ data.day }}"}),
        ({"type": "wait", "until": 1_800_000_000}, "until", {"until": 1_800_000_000_000}),
        ({"type": "set", "values": {"a": {"map": "data.l", "descending": True}}},
         "values.a.descending", {"values": {"a": {"map": "data.l", "sortBy": "item"}}}),
        ({"type": "set", "values": {"a": {"map": "data.l", "limit": -1}}}, "values.a.limit",
         {"values": {"a": {"map": "data.l", "limit": 1}}}),
        (HEAD | {"responseType": "json"}, "responseType", {"method": "GET"}),
        (API | {"responseType": "none", "maxResponseBytes": 9}, "maxResponseBytes",
         {"responseType": "text"}),
        (API | {"expectedStatus": ["2xx", "1xx"]}, "expectedStatus[1]", {"expectedStatus": ["2xx"]}),
        (API | {"expectedStatus": [103]}, "expectedStatus[0]", {"expectedStatus": [203]}),
        (API | {"retry": {"initialInterval": "1m", "maximumInterval": "2s"}},
         "retry.initialInterval", {"retry": {"initialInterval": "1m"}}),
        (API | {"retry": {"on": ["Timeout"], "nonRetryableErrors": ["Timeout"]}}, "retry.on[0]",
         {"retry": {"on": ["Timeout"]}}),
        (API | {"retry": [{"maxAttempts": 2}, {"maxAttempts": 3}]}, "retry[1]",
         {"retry": [{"maxAttempts": 2}, {"on": ["404"]}]}),
        (LLM | {"structured": "tool"}, "structured", {"output": FIELDS}),
        (LLM | {"model": "a", "fallback": ["b", "a"]}, "fallback[1]", {"model": "c"}),
        (AGENT | {"fallback": ["b", "b"]}, "fallback[1]", {"fallback": ["b"]}),
        (AGENT | {"recorded": {"runId": "r"}, "threadId": "t"}, "threadId", {"recorded": None}),
        (ASKS | {"notify": [{"toolId": "t", "on": ["asked", "reminded"]}]}, "notify[0].on[1]",
         {"remind": ["1h"]}),
        (ASKS | {"notify": [{"toolId": "t", "on": ["escalated"]}]}, "notify[0].on[0]",
         {"escalateTo": [{"after": "1h", "assignees": ["lead"]}]}),
        (LATE | {"remind": ["30m", "2h"]}, "remind[1]", {"onDeadline": "stay"}),
        (LATE | {"escalateTo": [{"after": "1h", "assignees": ["lead"]}]}, "escalateTo[0].after",
         {"deadline": "3h"}),
        ({"type": "send-signal", "signal": "x", "to": "all", "keepFor": "1h"}, "keepFor",
         {"to": "one"}),
        ({"type": "end-flow", "answer": {"status": 204, "body": "x"}}, "answer.body",
         {"answer": {"status": 200, "body": "x"}}),
    ],
)  # fmt: skip
def test_a_setting_without_effect_is_refused_and_accepted_where_it_has_one(
    step: dict[str, Any], path: str, mended: dict[str, Any]
) -> None:
    assert problems(flow(step)) == [f"steps[0].{path}"]
    compile_definition(flow(step), REGISTRY)  # a stored definition still runs
    whole = {key: value for key, value in {**step, **mended}.items() if value is not None}
    assert problems(flow(whole)) == []


def test_a_default_may_have_no_effect_on_some_of_its_steps() -> None:
    defaults = {"call-api": {"maxResponseBytes": 1_000}, "call-llm": {"fallback": ["a"]}}
    for step in (HEAD, LLM | {"model": "a"}):
        assert problems(flow(step, defaults=defaults)) == []


@pytest.mark.parametrize("full", ["refuse", "cancel-oldest"])
def test_a_priority_needs_a_queue(full: str) -> None:
    step, place = {"type": "set", "values": {"a": 1}}, {"limit": 1, "priority": 2, "pool": "p"}
    assert problems(flow(step, concurrency={**place, "whenFull": full})) == ["concurrency.priority"]
    assert problems(flow(step, concurrency=place)) == []
    body = {"type": "group", "steps": [{"id": "in", **step}]}
    inner = flow({**body, "concurrency": {**place, "whenFull": full}})
    assert problems(inner) == ["steps[0].concurrency.priority"]
