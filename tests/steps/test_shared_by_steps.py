"""What all steps of a document share: constants, defaults of step types, variables and notes."""

from typing import Any

import pytest

from engine import Json
from steps.checking.check import check_definition
from steps.definition import variables_in
from steps.registry import Registry


def document(**more: Any) -> dict[str, Any]:
    steps = [
        {"id": "get", "type": "call-api", "url": "{{ constants.base }}/orders"},
        {"id": "put", "type": "call-api", "url": "{{ vars.host }}", "timeout": "5s"},
        {"id": "end", "type": "end-flow"},
    ]
    edges = [{"from": "get", "to": "put", "condition": "constants.many > 1"},
             {"from": "get", "to": "end"}, {"from": "put", "to": "end"}]  # fmt: skip
    return {"name": "Shared", "initialStep": "get", "steps": steps, "edges": edges,
            "constants": {"host": "https://a.example", "base": "{{ constants.host }}/v1", "many": 2},
            **more}  # fmt: skip


def problems(whole: Json) -> list[str]:
    found = check_definition(whole, Registry.built_in()).problems
    return [f"{item.path}: {item.message}" for item in found]


def test_constants_are_evaluated_once_in_order() -> None:
    checked = check_definition(document(), Registry.built_in())
    assert checked.problems == []
    definition = checked.definition
    assert definition is not None
    constants = {"host": "https://a.example", "base": "https://a.example/v1", "many": 2}
    assert definition.steps["get"].given == {"constants": constants}
    condition = definition.graph.steps["get"].edges[0].condition
    assert condition is not None
    assert condition({"data": {}})


@pytest.mark.parametrize(
    ("constants", "reported"),
    [
        ({"a": "{{ data.x }}"}, "constants.a: a constant may name constants only, and not data"),
        ({"a": "{{ now() }}"}, "constants.a: a constant has no now()"),
        ({"a": "{{ constants.b }}", "b": 1}, "constants.a: the expression 'constants.b' failed: constants.b does"),
        ({"a": "{{ 1 | uper }}"}, "constants.a: there is no filter uper"),
        ({"a b": 1}, "constants.a b.[key]: may have letters"),
    ],
)  # fmt: skip
def test_a_constant_that_cannot_be_evaluated_is_reported(constants: Any, reported: str) -> None:
    base = {"host": "x", "base": "x", "many": 1}
    assert problems(document(constants={**constants, **base}))[0].startswith(reported)


def test_defaults_apply_to_steps_of_their_type_that_do_not_override_them() -> None:
    defaults = {"call-api": {"timeout": "9s", "retry": {"maxAttempts": 4}, "method": "PUT"}}
    checked = check_definition(document(defaults=defaults), Registry.built_in())
    assert checked.problems == []
    definition = checked.definition
    assert definition is not None
    assert [definition.steps[name].timeout_ms for name in ("get", "put")] == [9_000, 5_000]
    assert definition.graph.steps["put"].retry.max_attempts == 4
    assert definition.document["steps"] == document()["steps"], "it is kept as it was written"


@pytest.mark.parametrize(
    ("defaults", "reported"),
    [
        ({"call-api": {"timeot": "9s"}}, ["defaults.call-api.timeot: is not a known key; did you mean timeout?"]),
        ({"call-api": {"timeout": "soon"}}, ["defaults.call-api.timeout: "]),
        ({"call-api": {"headers": {"a": "{{ data. }}"}}}, ["defaults.call-api.headers.a: the expression"]),
        ({"call-api": {"query": {"a": "{{ 1 | uper }}"}}}, ["defaults.call-api.query.a: {{ 1 | uper }}: there is no filter"]),
        ({"call-apy": {}}, ["defaults.call-apy: call-apy is not a known step type; did you mean call-api?"]),
        ({"call-api": {"id": "x"}}, ["defaults.call-api.id: is each step's own"]),
        ({"call-api": 1}, ["defaults.call-api: must be an object"]),
    ],
)  # fmt: skip
def test_a_problem_of_defaults_is_reported_once_at_the_defaults(
    defaults: Any, reported: list[str]
) -> None:
    found = problems(document(defaults=defaults))
    assert len(found) == len(reported), found
    assert all(item.startswith(text) for item, text in zip(found, reported, strict=True)), found


def test_defaults_for_the_name_of_nothing_are_not_those_of_a_step_without_a_type() -> None:
    found = problems({**document(defaults={"None": {"timeout": "9s"}}), "steps": [{"id": "a"}]})
    assert any(item.startswith("steps[0].type: is required") for item in found), found


def test_notes_are_allowed_anywhere() -> None:
    whole = document(note="of the whole")
    whole["steps"][0]["note"] = "a {{ text }} that nobody evaluates"
    whole["edges"][0]["note"] = "why"
    assert problems(whole) == []


def test_variables_are_found_by_name() -> None:
    used: Json = {"a": ["{{ vars.one + vars . two }}"], "b": "x.vars.not, myvars.three"}
    assert variables_in(used) == {"one", "two", "not"}


def test_a_step_type_is_loaded_by_its_name() -> None:
    registry = Registry.built_in()
    assert [kind.type for kind in registry.all] == registry.types
    assert len(registry.types) == 14
