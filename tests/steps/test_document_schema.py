"""The JSON Schema of definitions accepts what the check accepts, and refuses wrong shapes."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from steps.checking.check import check_definition
from steps.checking.document_schema import definition_schema
from steps.registry import Registry

ROOT = Path(__file__).resolve().parents[2]
REGISTRY = Registry.built_in()
VALIDATOR = jsonschema_rs.Draft202012Validator(definition_schema(REGISTRY))
EXAMPLES = [
    file
    for place in ("examples", "app/web/console/samples")
    for file in sorted((ROOT / place).rglob("*.json"))
    if "steps" in (found := json.loads(file.read_text())) and "custom-steps" not in file.parts
]
BASE: dict[str, Any] = {
    "name": "Base", "initialStep": "get",
    "steps": [{"id": "get", "type": "call-api", "url": "https://a.example"},
              {"id": "end", "type": "end-flow"}],
    "edges": [{"from": "get", "to": "end"}],
}  # fmt: skip


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_every_example_fits(file: Path) -> None:
    document = json.loads(file.read_text())
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


@pytest.mark.parametrize("kind", REGISTRY.all, ids=lambda kind: kind.type)
def test_the_example_of_every_step_type_fits(kind: Any) -> None:
    document = {"name": "x", "initialStep": kind.example["id"], "steps": [kind.example]}
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


def changed(*path: str | int, to: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(BASE))
    inner: Any = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return document


def with_step(**step: Any) -> dict[str, Any]:
    return changed("steps", 0, to={"id": "get", **step})


WRONG = {"id": "a", "type": "wait", "durration": "1s"}
SHAPES = [
    with_step(type="group", steps=[WRONG]),
    with_step(type="group", steps=[{"id": "a", "type": "group", "steps": [WRONG]}]),
    with_step(type="parallel", branches={"x": {"steps": [WRONG]}}),
    with_step(
        type="group",
        steps=[{"id": "a", "type": "wait", "duration": "1s"}],
        edges=[{"frm": "a", "to": "a"}],
    ),
    {**BASE, "workflows": {"line": {"steps": [WRONG]}}},
    {**BASE, "concurrency": {"limit": 0}},
    changed("steps", to=[]),
    changed("steps", to={}),
    changed("name", to=""),
    changed("nmae", to="x"),
    changed("steps", 0, "type", to="call-apy"),
    changed("steps", 0, "id", to="a b"),
    changed("steps", 0, "urll", to="x"),
    changed("steps", 0, "method", to="FETCH"),
    changed("steps", 0, "maxResponseBytes", to=-1),
    changed("steps", 0, "retry", to={"maxAttempts": 0}),
    changed("steps", 0, "retry", to={"attempts": 3}),
    changed("steps", 0, "auth", to={"type": "magic"}),
    changed("steps", 0, "output", to={"a": {"typ": "string"}}),
    changed("steps", 0, "output", to={"a": {"type": "text"}}),
    changed("steps", 1, "status", to="undone"),
    changed("edges", 0, "on", to="failure"),
    changed("edges", 0, "form", to="x"),
    changed("payload", to={"a": {}}),
    changed("maxStepExecutions", to=0),
    changed("constants", to=[]),
    changed("defaults", to={"call-apy": {}}),
    changed("steps", 1, "onInterrupted", to="fail"),
    {key: item for key, item in BASE.items() if key != "steps"},
]


@pytest.mark.parametrize("document", SHAPES, ids=range(len(SHAPES)))
def test_a_shape_that_the_check_refuses_does_not_fit(document: dict[str, Any]) -> None:
    assert check_definition(document, REGISTRY).problems
    assert not VALIDATOR.is_valid(document)


def test_the_base_fits() -> None:
    assert check_definition(BASE, REGISTRY).problems == []
    pointed = {**BASE, "$schema": "https://stepwell.example/schema/definition.json"}
    assert check_definition(pointed, REGISTRY).problems == []
    assert VALIDATOR.is_valid(pointed)
