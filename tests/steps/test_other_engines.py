"""Keywords and syntax of other workflow engines are recognized, with a hint at the equivalent."""

from typing import Any

import pytest

from steps.checking.check import check_definition
from steps.document.other_engines import _KEYS, _STEP_TYPES
from steps.language.expression import Expression
from steps.language.findings.foreign import FOREIGN_FILTERS
from steps.registry import Registry

END = {"id": "end", "type": "end-flow"}


def problems_of(**document: Any) -> dict[str, str]:
    whole = {"name": "x", "initialStep": "end", "steps": [END], **document}
    return {
        item.path: item.message for item in check_definition(whole, Registry.built_in()).problems
    }


@pytest.mark.parametrize(
    ("step", "path", "message"),
    [
        ({"type": "forEach"}, "type", "call-workflow with `items` and `steps`"),
        ({"type": "io.kestra.plugin.core.flow.If"}, "type", "edges with a `condition`"),
        ({"type": "call_api"}, "type", "did you mean call-api?"),
        ({}, "type", "is required: one of call-agent, "),
        ({"type": "end-flow", "return": {}}, "return", "here it is result"),
        ({"type": "call-tool", "toolId": "transform", "params": {}}, "params", "here it is inputs"),
        ({"type": "wait", "duration": "5 minutes"}, "duration", "must be a duration such as 30s"),
        ({"type": "call-api", "url": "https://a.example", "retry": {"maxAttempts": "three"}},
         "retry.maxAttempts", "must be a whole number"),
        ({"type": "parallel", "branches": []}, "branches", "must be an object"),
        ({"type": "call-api", "url": "https://a.example", "next": "end"}, "next", "said by `edges`"),
        ({"type": "collect-inputs", "output": {"n": {"type": "int"}}}, "output.n.type", "here it is integer"),
    ],
)  # fmt: skip
def test_a_step(step: dict[str, Any], path: str, message: str) -> None:
    found = problems_of(steps=[END, {"id": "odd", **step}])
    assert message in found[f"steps[1].{path}"], found


def test_a_document_and_its_edges() -> None:
    found = problems_of(
        nodes=[], StartAt="end", triggers=[], namespace="a",
        edges=[{"source": "end", "target": "end", "if": "true"}, ["end", "end"]],
    )  # fmt: skip
    assert found["nodes"].endswith("here it is steps")
    assert found["StartAt"].endswith("here it is initialStep")
    assert "by a schedule or a trigger" in found["triggers"]
    assert "determines the tenant" in found["namespace"]
    assert found["edges[0].source"].endswith("here it is from")
    assert found["edges[0].if"].endswith("here it is condition")
    assert found["edges[1]"] == 'must be an object such as {"from": "...", "to": "..."}'


@pytest.mark.parametrize(
    ("step", "path", "message"),
    [
        ({"actions": ["yes", "no"]}, "actions[1]", 'such as {"value": "no"}'),
        ({"actions": [True]}, "actions[0]", 'such as {"value": "true"}'),
        ({"actions": {"yes": "Yes"}}, "actions", 'such as [{"value": "..."}], not an object'),
        ({"actions": [{"value": 1}]}, "actions[0].value", 'must be a text: write "1", in quotes'),
        ({"assignees": "ada"}, "assignees", 'must be a list such as ["ada"]'),
        ({"notify": {"toolId": "x"}}, "notify", 'must be a list such as [{"toolId": "..."}]'),
        ({"required": "2"}, "required", "must be a whole number, without quotes"),
        ({"required": True}, "required", "must be a whole number"),
        ({"deadline": "1d", "onDeadline": "reject"}, "onDeadline",
         """must be 'timeout', 'fail' or 'stay', or an object such as {"actionValue": "reject"}"""),
        ({"fields": {}}, "fields", "by a collect-inputs step, by its `output`"),
        ({"type": "call-api", "url": "https://a.example", "retry": 3}, "retry",
         'must be an object such as {"maxAttempts": 3}'),
        ({"type": "call-api", "url": "https://a.example", "followRedirects": "no"},
         "followRedirects", "must be true or false, without quotes"),
        ({"required": 1e300}, "required", "must be nearer to 0"),
        ({"type": "call-api", "url": "https://a.example", "json": {}}, "json", "here it is body"),
        ({"type": "parallel", "branches": [{}]}, "branches", '{"first": {"steps": [...]}}'),
        ({"type": "group", "steps": {"a": {}}}, "steps", '[{"id": "first", "type": "set"}]'),
        ({"type": "collect-inputs", "output": ["name"]}, "output", "must be an object, not a list"),
        ({"type": "collect-inputs", "output": {"type": "object", "properties": {"a": {}}}},
         "output", "is a JSON Schema; here each field stands by its name"),
        ({"type": "collect-inputs", "output": {"a": {"type": "int"}, "b": {"type": "string", "minLength": "3"}}},
         "output.b.minLength", 'must be a whole number, not "3"'),
        ({"type": "collect-inputs", "output": {"a": {"type": "array", "items": {"enum": None}}}},
         "output.a.items.enum", "must be a list, not null"),
        ({"type": "collect-inputs", "output": {"a": {"type": "string", "pattern": "("}}},
         "output.a.pattern", "must be a regular expression"),
        ({"type": "collect-inputs", "output": {"a": {"type": ["x"], "choices": ["x"]}}},
         "output.a.choices", "has no effect on a field without a type"),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_type_shows_an_example(
    step: dict[str, Any], path: str, message: str
) -> None:
    found = problems_of(steps=[END, {"id": "odd", "type": "request-user-action", **step}])
    assert message in found[f"steps[1].{path}"], found


def test_a_mistake_in_the_document_is_reported_once() -> None:
    assert problems_of(steps=[END, {"id": "a b", "type": "wait"}])["steps[1].id"].startswith(
        "may have"
    )
    found = problems_of(steps={"end": END}, maxStepExecutions="5", tool="yes")
    assert 'such as [{"id": "first", "type": "set"}]' in found["steps"]
    found = problems_of(edges={"end": "end"}, maxStepExecutions="5", tool="yes")
    assert {*found} == {"edges", "maxStepExecutions", "tool"}, (
        "unreached steps are not reported without edges"
    )
    assert found["tool"] == "must be true or false, without quotes"


@pytest.mark.parametrize(
    ("text", "is_told"),
    [("data.name", True), ("${data.name}", True), ("$.name", True), ("Dear data.name", False),
     ("https://a.example/${id}", False), ("data", False), ("$5.00", False),
     ("data.net * 1.2", True), ("item.price | round(2)", True), ("'a' if data.n > 1 else 'b'", True),
     ("data.a and more", False), ("5 - 3", False), ("see data.x (page 4)", False)],
)  # fmt: skip
def test_an_expression_without_its_braces_is_noticed(text: str, is_told: bool) -> None:
    step = {"id": "end", "type": "end-flow", "result": text}
    document: dict[str, Any] = {"name": "x", "initialStep": "end", "steps": [step]}
    warned = check_definition(document, Registry.built_in()).warnings
    assert [one.path for one in warned] == ["steps[0].result"] * is_told


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("data.a && data.b", "write `and`"),
        ("data.a ? 1 : 2", "write `a if condition else b`"),
        ("!data.a", "write `not`"),
        ("data.a = 1", "compare with `==`"),
        ("$json.a", "the data of a run is `data`"),
        ("'&&' in data.a and data.b ??", "write `data.name | default('other')`"),
        ("today()", "now() | date_format('%Y-%m-%d')"),
        ("len(data.a)", "value | length"),
        ("round(data.a)", "it is a filter: value | round"),
        ("data.a == null", "here it is none"),
        ("data.a | date('%Y')", "here it is date_format"),
        ("data.a | sort_by('x')", "here it is sort"),
        ("results.a", "did you mean result?"),
        ("data.a is null", "there is no test null; here it is none"),
        ("data.a is list", "there is no test list; here it is sequence"),
        ("amount", "a value of the run's data is data.amount"),
        ("new Date()", "the time is `now()`"),
        ("JSON.stringify(data.a)", "here it is `| to_json` or `| from_json`"),
        ("max(data.a, data.b)", "it is a filter: [1, 2] | max"),
        ("[row.n for row in data.a]", "use `| map(...)`"),
        ("data.a[*].n", "`| map(attribute='name') | list` takes an entry of each item"),
        ("f'{data.a}'", "join texts with `~`"),
        ("data.a | wordcount", "here it is split | length"),
        ("data.a | combine(data.b)", "here it is merge"),
        ("sorted(data.a)", "here it is a filter: value | sort"),
        ("concat(data.a, data.b)", "texts are joined with `~`, lists with `+`"),
        ("(data.a", "it ends, where `)` or `,` should stand"),
        ("{'a': 1, 'a': 2}", "the key 'a' stands twice in an object"),
    ],
)
def test_an_expression(expression: str, message: str) -> None:
    step = {"id": "put", "type": "set", "values": {"x": f"{{{{ {expression} }}}}"}}
    found = problems_of(steps=[step, END], initialStep="put", edges=[{"from": "put", "to": "end"}])
    assert message in found["steps[0].values.x"], found


def test_the_suggested_replacements_of_foreign_filters_compile() -> None:
    for there in FOREIGN_FILTERS.values():
        whole = there if there.startswith(("data", "'", "run")) else f"data.list | {there}"
        if " behind " not in there and not there.startswith("is "):
            Expression(whole)


def test_a_set_step_has_items_only_in_lists() -> None:
    values = {"x": "{{ item }}", "y": {"map": "data.rows", "to": "{{ item.a }}"}}
    put = {"id": "put", "type": "set", "values": values}
    edges = [{"from": "put", "to": "end", "condition": "index > 1"}]
    assert set(problems_of(steps=[put, END], initialStep="put", edges=edges)) == {
        "steps[0].values.x", "edges[0].condition",
    }  # fmt: skip


def test_every_hint_names_an_existing_keyword() -> None:
    types = Registry.built_in().types
    for word, message in _STEP_TYPES.items():
        assert word not in types
        named = message.replace(",", " ").split()
        assert "edge" in message or "schedule" in message or {*named} & {*types, "condition"}, word
    assert all(words and (key or message) for words, key, message in _KEYS)


def test_an_invalid_step_does_not_hide_problems_of_the_others() -> None:
    odd: list[Any] = [None, 5, [], END, {"id": "w", "type": "wait", "nap": "1s"}]
    found = problems_of(steps=odd, nmae="x", edges=[None, {"from": "end", "to": "q"}])
    assert {path for path, why in found.items() if why.startswith("must be an object")} == {
        "steps[0]", "steps[1]", "steps[2]", "edges[0]",
    }  # fmt: skip
    assert {"nmae", "steps[4].nap", "edges[1].to"} <= set(found)


def test_statuses_of_a_retry_may_be_numbers() -> None:
    step = {
        "id": "get",
        "type": "call-api",
        "url": "https://a.example",
        "retry": {"on": [503, "5xx"]},
    }
    assert (
        problems_of(steps=[step, END], initialStep="get", edges=[{"from": "get", "to": "end"}])
        == {}
    )
