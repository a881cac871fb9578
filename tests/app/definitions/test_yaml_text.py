"""Definitions written as YAML: their meaning, the line of each part, and what is refused."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from app.definitions.definition_text import TextRefused, read_definition
from app.definitions.json_lines import line_of
from tests.harness.counted_work import calls_of

DOCUMENT = """\
# remarks are no part of it
name: Expense check
initialStep: ask
steps:
  - id: ask
    type: collect-inputs
    output:
      amount: {type: number, minimum: 0}
      country:
        type: string
        enum: [no, yes, on, NO, ~, "null", 12:30]
    note: |
      two
      lines
  - {id: end, type: end-flow, result: {paid: "{{ data.amount }}"}}
edges:
  - from: ask
    to: end
    on: success
    condition: >-
      data.amount
      > 100
"""


def test_a_definition_equals_its_json() -> None:
    given = read_definition(DOCUMENT)
    assert given.is_yaml
    assert given.document == {
        "name": "Expense check", "initialStep": "ask",
        "steps": [
            {"id": "ask", "type": "collect-inputs",
             "output": {"amount": {"type": "number", "minimum": 0},
                        "country": {"type": "string",
                                    "enum": ["no", "yes", "on", "NO", None, "null", "12:30"]}},
             "note": "two\nlines\n"},
            {"id": "end", "type": "end-flow", "result": {"paid": "{{ data.amount }}"}},
        ],
        "edges": [{"from": "ask", "to": "end", "on": "success", "condition": "data.amount > 100"}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("", 2), ("name", 2), ("steps", 4), ("steps[0]", 5), ("steps[0].type", 6),
        ("steps[0].output.amount.minimum", 8), ("steps[0].output.country.enum[4]", 11),
        ("steps[1].result.paid", 15), ("edges[0].condition", 20), ("edges[0].missing", 17),
    ],
)  # fmt: skip
def test_each_part_has_its_line(path: str, line: int) -> None:
    assert line_of(read_definition(DOCUMENT).lines(), path) == line


SCALARS: list[tuple[str, Any]] = [
    ("010", 10), ("0o10", 8), ("0x1F", 31), ("-5", -5), ("+5", 5), ("1_000", "1_000"), ("1e3", 1000.0),
    (".5", 0.5), ("1.", 1.0), ("true", True), ("False", False), ("TRUE", True), ("yes", "yes"),
    ("off", "off"), ("null", None), ("~", None), ("", None), ("'~'", "~"), ('"\\u00e9"', "é"),
    ("2026-01-31", "2026-01-31"), ("1:20", "1:20"), ("!!str 5", "5"), ("!!int '5'", 5), ("! 5", "5"),
    ("=", "="),
]  # fmt: skip


@pytest.mark.parametrize(("written", "meant"), SCALARS)
def test_scalars_mean_what_the_core_schema_says(written: str, meant: Any) -> None:
    value: Any = read_definition(f"a: {written}").document
    assert value == {"a": meant}
    assert type(value["a"]) is type(meant)


def test_keys_are_always_strings() -> None:
    assert read_definition("on: 1\n200: 2\ntrue: 3\n'a b': 4").document == {
        "on": 1, "200": 2, "true": 3, "a b": 4,
    }  # fmt: skip


def test_an_alias_stands_for_its_anchor() -> None:
    given = read_definition("a: &x {n: 1}\nb: [*x, *x]\nc: &y text\nd: *y")
    assert given.document == {"a": {"n": 1}, "b": [{"n": 1}, {"n": 1}], "c": "text", "d": "text"}


def bomb() -> str:
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 12):
        inner = ", ".join([f"*l{level - 1}"] * 10)
        lines += [f"l{level}: &l{level} [{inner}]"]
    return "\n".join(lines)


def long_text_many_times() -> str:
    return f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 1_000)}]"


REFUSED: list[tuple[str, str, int]] = [
    ("a: 1\nb: 2\na: 3", "has the key 'a' at line 1 and again at line 3", 3),
    ("a:\n  {x: 1, x: 2}", "has the key 'x' at line 2 and again at line 2", 2),
    ("a: [1, 2", "is not valid YAML", 2),
    ("a:\n\t- 1", "(a tab; YAML is indented by spaces)", 2),
    ("a: {{ data.x }}", 'put an expression in quotes: "{{ data.x }}"', 1),
    ("a: b: c", "(put a text that contains `: ` in quotes)", 1),
    ("a: @x", "(put a text that begins like this in quotes)", 1),
    ("", "it is empty", 1),
    ('{"a": [1,]}', "(no comma stands before `]`) at line 1 column 10", 1),
    ('{"a": True}', "(write true, false or null)", 1),
    ('{"a": 1 // no\n}', "(JSON has no comments)", 1),
    ("a: \x07", "is not valid YAML", 1),
    ("a: 1\n---\nb: 2", "is more than one document; the second begins at line 2", 2),
    ("a: *x", "has the alias *x, which names nothing complete", 1),
    ("a: &x\n  b: *x", "has the alias *x, which names nothing complete, at line 2", 2),
    ("x: &x {a: 1}\ny:\n  <<: *x", "has a merge key (<<), which YAML 1.2 does not know, at line 3", 3),
    ("a: !!python/object/apply:os.system [ls]", "has the unknown tag tag:yaml.org,2002:python/object", 1),
    ("a: !mine 5", "has the unknown tag !mine at line 1", 1),
    ("a: !!int text", "has 'text', which is not of the kind int, at line 1", 1),
    ("? [a]\n: 1", "has a list or object as a key (put an expression in quotes", 1),
    ("a: .inf", "has .inf, which is not a number in JSON, at line 1", 1),
    ("a: 1e999", "Infinity is not a JSON number", 1),
    ("a: 99999999999999999999", "beyond 2^53", 1),
    ("a: " + "[" * 200 + "]" * 200, "nested deeper", 1),
    ("a: 1\n" + bomb(), "is too large, with what its aliases stand for", 6),
    (long_text_many_times(), "is too large, with what its aliases stand for", 2),
    ("{'a': 1}", "(texts stand in double quotes)", 1),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reported", "line"), REFUSED, ids=lambda item: str(item)[:40])
def test_a_refusal_names_its_line(text: str, reported: str, line: int) -> None:
    with pytest.raises(TextRefused) as refused:
        read_definition(text)
    assert reported in str(refused.value)
    assert refused.value.line == line


HOSTILE: dict[str, Callable[[int], str]] = {
    "lists": lambda size: "a: " + "[" * size,
    "objects": lambda size: "a: 1\n" + "{a: " * size + "}",
    "keys": lambda size: "? " * size,
    "items": lambda size: "- " * size,
    "anchors": lambda size: "&a " * size + "x",
    "one long line": lambda size: "a: 'x" + " x" * size,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_costs_no_more_than_its_size(name: str) -> None:
    def refused(text: str) -> None:
        with pytest.raises(TextRefused):
            read_definition(text)

    few, many = (calls_of(partial(refused, HOSTILE[name](size))) for size in (1_000, 4_000))
    assert many < 6 * few + 200, "in proportion would be 4 times, to the square 16 times"


@pytest.mark.parametrize("text", ["a: " + "[" * 200_000, bomb()], ids=["lists", "aliases"])
def test_what_is_too_deep_or_too_large_is_refused_where_it_becomes_so(text: str) -> None:
    def refused() -> None:
        with pytest.raises(TextRefused):
            read_definition(text)

    assert calls_of(refused) < 3_000


def test_json_stays_json() -> None:
    given = read_definition(json.dumps({"a": [1]}, indent=1))
    assert not given.is_yaml
    assert line_of(given.lines(), "a[0]") == 3
