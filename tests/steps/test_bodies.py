"""Bodies inside a document are compiled, and all their problems are reported at once with paths."""

from typing import Any

import pytest

from engine import Json, JsonObject
from steps.checking.advice import Known
from steps.checking.check import check_definition
from steps.definition import compile_definition
from steps.document.bodies import body_at, written_bodies
from steps.registry import Registry

REGISTRY = Registry.built_in()
END = {"id": "end", "type": "end-flow"}


def forked(branches: Any, **more: Any) -> JsonObject:
    step = {"id": "fork", "type": "parallel", "branches": branches}
    step |= {key: more.pop(key) for key in ("enough", "onBranchError", "others") if key in more}
    return {
        "name": "x", "initialStep": "fork", "steps": [step, END],
        "edges": [{"from": "fork", "to": "end"}], **more,
    }  # fmt: skip


def problems(document: Json) -> dict[str, str]:
    return {item.path: item.message for item in check_definition(document, REGISTRY).problems}


WAIT = {"id": "w", "type": "wait", "duration": "1s"}
INNER = {"id": "inner", "type": "parallel", "branches": {"deep": {"steps": [WAIT]}}}


def test_every_body_is_compiled_under_its_path() -> None:
    document = forked(
        {"a": {"steps": [INNER]}, "b": {"workflow": "#line"}},
        workflows={"line": {"payload": {"n": {"type": "integer"}}, "steps": [INNER, END],
                            "edges": [{"from": "inner", "to": "end"}]}},
    )  # fmt: skip
    definition = compile_definition(document, REGISTRY)
    assert sorted(definition.bodies) == [
        "", "#line", "#line/inner/deep", "fork/a", "fork/a/inner/deep",
    ]  # fmt: skip
    assert {path for path, _ in written_bodies(document)} == definition.bodies.keys() - {""}
    for path, body in definition.bodies.items():
        assert body.path == path
        assert body.bodies is definition.bodies
        assert body_at(document, path)["steps"] == body.document["steps"]
    deep = definition.bodies["#line/inner/deep"]
    assert (deep.graph.initial, deep.graph.steps["w"].ends) == ("w", True)
    assert definition.bodies["#line"].payload.specs == {"n": {"type": "integer"}}


def test_problems_inside_bodies_are_reported_at_once_with_their_paths() -> None:
    api = {"id": "a", "type": "call-api"}
    document = forked(
        {
            "typo": {"steps": [{"id": "a", "type": "wiat"}]},
            "deep": {"steps": [{**INNER, "branches": {"d": {"steps": [api]}}}]},
            "lost": {"steps": [WAIT, {**WAIT, "id": "v"}]},
            "edge": {"steps": [WAIT], "edges": [{"from": "w", "to": "nowhere"}]},
            "text": {"steps": [{"id": "t", "type": "end-flow", "result": {"n": "{{ data.n | nope }}"}}]},
            "none": {},
            "both": {"steps": [WAIT], "workflow": "other"},
            "start": {"steps": [WAIT], "initialStep": "v"},
            "call": {"workflow": "#lien"},
        },
        enough=10,
        workflows={"line": {"steps": [{**api, "url": "x", "colour": 1}]}},
    )  # fmt: skip
    found = problems(document)
    branches = "steps[0].branches"
    assert found.keys() == {
        f"{branches}.typo.steps[0].type",
        f"{branches}.deep.steps[0].branches.d.steps[0].url",
        f"{branches}.lost.steps[1]",
        f"{branches}.edge.edges[0].to",
        f"{branches}.text.steps[0].result.n",
        f"{branches}.none",
        f"{branches}.both",
        f"{branches}.start.initialStep",
        f"{branches}.call.workflow",
        "steps[0].enough",
        "workflows.line.steps[0].colour",
    }
    assert found[f"{branches}.call.workflow"].endswith("did you mean line?")


def test_references_between_branches_are_checked() -> None:
    def needs(*named: str) -> JsonObject:
        return {"steps": [{**WAIT}], "needs": [*named]}

    found = problems(
        forked(
            {"a": needs("c"), "b": needs("a", "d"), "c": needs("b"), "e": needs("b")},
            others="continue",
        )
    )
    assert found == {
        "steps[0].branches.b.needs[1]": "there is no branch d; known are a, b, c, e",
        "steps[0].branches.a.needs": "go in a circle, so that none begins: a needs c needs b needs a",
        "steps[0].others": "has no effect on a parallel step: with `enough` `all` there are no others",
    }
    assert problems(forked({"a": needs("a")})).keys() == {"steps[0].branches.a.needs"}
    assert problems(forked({"a": needs()}, enough=["b"])).keys() == {"steps[0].enough[0]"}
    assert problems(forked({"a": needs(), "b": needs("a")}, enough=["b"], others="continue")) == {}
    pool = {"limit": 1}
    reported = problems(forked({"a": {"steps": [WAIT], "concurrency": pool}}))
    assert reported.keys() == {"steps[0].branches.a.concurrency.pool"}
    assert problems(forked({"a": {"steps": [WAIT], "concurrency": {**pool, "pool": "p"}}})) == {}


def test_results_that_a_branch_needs_are_known_names() -> None:
    reads: Json = {
        "steps": [{"id": "r", "type": "set", "values": {"n": "{{ data.needs.a }}"}}],
        "needs": ["a"],
    }
    calls: Json = {"workflow": "other", "with": {"n": "{{ data.needs.a }}"}, "needs": ["a"]}
    document = forked(
        {"a": {"steps": [WAIT]}, "b": reads, "c": calls}, payload={"x": {"type": "string"}}
    )
    warnings = check_definition(document, REGISTRY).warnings
    assert warnings == []


@pytest.mark.parametrize("enough", [0, -1, True, "some", 1.5])
def test_enough_is_a_count_or_a_keyword(enough: Any) -> None:
    found = problems(forked({"a": {"steps": [WAIT]}}, enough=enough))
    assert any(path.startswith("steps[0].enough") for path in found)


def test_a_problem_of_defaults_is_reported_at_the_defaults() -> None:
    document = forked({"a": {"steps": [WAIT]}}, defaults={"wait": {"description": 5}})
    assert problems(document).keys() == {"defaults.wait.description"}


def test_bodies_are_bounded_in_depth() -> None:
    body: dict[str, Any] = {"steps": [WAIT]}
    for _ in range(8):
        body = {"steps": [{"id": "p", "type": "parallel", "branches": {"a": body}}]}
    assert "5 deep" in next(iter(problems(forked({"a": body})).values()))


def test_an_inline_body_sees_the_data_around_it_and_a_local_workflow_does_not() -> None:
    reads = {
        "id": "r",
        "type": "end-flow",
        "result": {"a": "{{ data.amuont }}", "b": "{{ data.amount }}"},
    }
    document = forked(
        {"a": {"steps": [reads]}}, payload={"amount": {"type": "number"}},
        workflows={"line": {"payload": {"n": {"type": "integer"}}, "steps": [reads]}},
    )  # fmt: skip
    found = check_definition(document, REGISTRY, Known())
    assert sorted(item.path for item in found.warnings) == [
        "steps[0].branches.a.steps[0].result.a",
        "workflows.line.steps[0].result.a",
        "workflows.line.steps[0].result.b",
    ]
