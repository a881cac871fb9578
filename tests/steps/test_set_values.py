"""Values and lists that a set step writes to the data."""

from typing import Any

import pytest

from engine import JsonObject
from steps import Done, ExpressionError, InvalidDefinition, StepBroke
from steps.language.allowance import Allowance
from steps.set_values import SetValues
from steps.testing import StepTrial

ROWS: list[Any] = [
    {"id": "b", "qty": "2", "price": 10, "customer": 2},
    {"id": "a", "qty": "0", "price": 5, "customer": 1},
    {"id": "c", "qty": "7", "price": 1.5, "customer": 1},
]
CUSTOMERS: list[Any] = [{"id": 1, "name": "Ann"}, {"id": 3, "name": "Cem"}]
DATA: JsonObject = {"rows": ROWS, "customers": CUSTOMERS, "draft": True, "net": 1, "seen": ["x"],
                    "no": None}  # fmt: skip


async def executed(step: JsonObject, data: Any = None) -> Done:
    done = await StepTrial(SetValues(), step, data=DATA if data is None else data).execute()
    assert isinstance(done, Done)
    return done


async def test_values_may_use_earlier_ones_and_keep_their_types() -> None:
    values: Any = {
        "net": "{{ data.rows | sum(attribute='price') }}", "gross": "{{ data.net * 2 }}",
        "text": "{{ data.gross }} in all", "nothing": None, "is": "{{ data.gross > 30 }}",
        "deep": {"list": ["{{ data.net }}", 1]},
    }  # fmt: skip
    done = await executed({"values": values})
    assert done.data == {
        "net": 16.5, "gross": 33.0, "text": "33 in all", "nothing": None, "is": True,
        "deep": {"list": [16.5, 1]},
    }  # fmt: skip
    assert done.output == done.data


async def test_items_are_appended_and_names_are_removed() -> None:
    step: JsonObject = {
        "values": {"more": [4, 5], "draft2": "{{ data.draft is defined }}"},
        "append": {"seen": "{{ data.more }}", "no": 1},
        "extend": {"fresh": "{{ data.more }}"},
        "remove": ["draft", "was never there"],
    }
    done = await executed(step)
    assert done.appended == {"seen": [[4, 5]], "no": [1], "fresh": [4, 5]}
    assert done.removed == ["draft"]
    assert done.data == {"more": [4, 5], "draft2": False}
    gained = {"seen": {"gained": 1}, "no": {"gained": 1}, "fresh": {"gained": 2}}
    assert done.output == {**done.data, **gained}


@pytest.mark.parametrize(
    ("step", "reported"),
    [
        ({"append": {"net": 1}}, "data.net is 1, so nothing can be appended to it"),
        ({"extend": {"seen": "{{ data.net }}"}}, "extend.seen gives 1, which is not a list"),
    ],
)
async def test_appending_to_a_value_that_is_no_list_fails(step: JsonObject, reported: str) -> None:
    with pytest.raises(StepBroke, match=reported):
        await executed(step)


MAPPINGS: list[tuple[str, JsonObject, Any]] = [
    ("each item", {"as": "row", "to": {"sku": "{{ row.id }}", "n": "{{ row.qty | int }}", "at": "{{ index }}"}},
     [{"sku": "b", "n": 2, "at": 0}, {"sku": "a", "n": 0, "at": 1}, {"sku": "c", "n": 7, "at": 2}]),
    ("a text of each", {"to": "{{ item.id }}:{{ item.qty }}"}, ["b:2", "a:0", "c:7"]),
    ("some items as they are", {"where": "item.qty | int > data.net"}, [ROWS[0], ROWS[2]]),
    ("in order", {"sortBy": "item.id", "to": "{{ item.id }}"}, ["a", "b", "c"]),
    ("in order by two", {"sortBy": ["item.customer", "item.price"], "descending": True, "to": "{{ item.id }}"}, ["b", "a", "c"]),
    ("null comes last", {"map": "[2, none, 1]", "sortBy": "item", "to": "{{ item }}"}, [1, 2, None]),
    ("also the other way", {"map": "[2, none, 1]", "sortBy": "item", "descending": True}, [2, 1, None]),
    ("lists have an order", {"map": "[[2, 1], [1, 3]]", "sortBy": "item"}, [[1, 3], [2, 1]]),
    ("without repeats", {"unique": "item.customer", "to": "{{ item.id }}"}, ["b", "a"]),
    ("without repeats, in the order of the first", {"map": "[2, 1, 2, 3, 1]", "unique": True}, [2, 1, 3]),
    ("without equal items", {"map": "[1, 1.0, true, '1', [1], [1]]", "unique": True}, [1, True, "1", [1]]),
    ("the first", {"limit": 1, "to": "{{ item.id }}"}, ["b"]),
    ("as many as data says", {"limit": "data.net + 1", "to": "{{ item.id }}"}, ["b", "a"]),
    ("in groups", {"groupBy": "item.customer", "sortBy": "item.key", "to": {"who": "{{ item.key }}", "sum": "{{ item.items | sum(attribute='price') }}"}},
     [{"who": 1, "sum": 6.5}, {"who": 2, "sum": 10}]),
    ("beside a second list", {"join": {"with": "data.customers", "as": "who", "on": "item.customer", "equals": "who.id"},
      "to": "{{ item.id }} of {{ who.name }}"}, ["a of Ann", "c of Ann"]),
    ("also those without a match", {"join": {"with": "data.customers", "on": "item.customer", "equals": "other.id", "keep": "all"},
      "to": {"id": "{{ item.id }}", "name": "{{ other.name if other else none }}"}},
     [{"id": "b", "name": None}, {"id": "a", "name": "Ann"}, {"id": "c", "name": "Ann"}]),
    ("a join without to", {"join": {"with": "data.customers", "on": "item.customer", "equals": "other.id"}, "limit": 1},
     [{"item": ROWS[1], "other": CUSTOMERS[0]}]),
    ("nothing of nothing", {"map": "[]", "where": "item.x", "to": "{{ item.y }}"}, []),
    ("a null in an item", {"map": "[{'a': none}]", "to": {"a": "{{ item.a }}"}}, [{"a": None}]),
]  # fmt: skip


@pytest.mark.parametrize(("mapping", "made"), [row[1:] for row in MAPPINGS],
                         ids=[row[0] for row in MAPPINGS])  # fmt: skip
async def test_a_list_is_derived_from_another(mapping: JsonObject, made: Any) -> None:
    done = await executed({"values": {"made": {"map": "data.rows", **mapping}}})
    assert done.data == {"made": made}
    assert repr(done.data["made"]) == repr(made)


@pytest.mark.parametrize(
    ("mapping", "reported"),
    [
        ({"map": "data.net"}, "1 is not a list, and map needs one"),
        ({"to": "{{ item.naem }}"}, "for item 0: item.naem does not exist"),
        ({"where": "item.id > 1"}, "for item 0: .*compares a text with a number"),
        ({"map": "[1, 'a']", "sortBy": "item"}, "compares a text with a number"),
        ({"limit": "data.draft"}, "limit must be a number from 0 on, not true"),
    ],
)
async def test_an_item_that_fails_is_reported_by_its_number(
    mapping: JsonObject, reported: str
) -> None:
    with pytest.raises(ExpressionError, match=reported):
        await executed({"values": {"made": {"map": "data.rows", **mapping}}})


async def test_items_are_numbered_through_all_parts_of_a_long_list() -> None:
    data: Any = {"rows": [{"n": number} for number in range(1_001)]}
    mapping: Any = {"map": "data.rows", "to": ["{{ index }}", "{{ item.n * 2 }}"]}
    done = await executed({"values": {"made": mapping}}, data)
    assert done.data["made"] == [[number, number * 2] for number in range(1_001)]
    data["rows"][700]["n"] = "text"
    with pytest.raises(ExpressionError, match="for item 700"):
        await executed({"values": {"made": {**mapping, "to": "{{ item.n - 1 }}"}}}, data)


async def test_the_work_for_a_list_is_that_of_its_items_and_bounded() -> None:
    data: Any = {"rows": [{"n": number} for number in range(10_000)]}
    with Allowance() as allowance:
        mapping: Any = {"map": "data.rows", "to": {"a": "{{ item.n }}", "b": "{{ item.n | int }}"}}
        await executed({"values": {"made": mapping}}, data)
    assert allowance.spent < 150_000
    endless: Any = {"map": "data.rows", "to": "{{ range(10000) | sum }}"}
    with Allowance(), pytest.raises(ExpressionError, match="too many operations"):
        await executed({"values": {"made": endless}}, data)


async def test_each_value_reads_those_before_it_also_when_it_reads_all_data() -> None:
    values: Any = {"b": "{{ data.a + 1 }}", "all": "{{ data }}", "c": "{{ data.b + 1 }}",
                   "names": "{{ data.keys() }}"}  # fmt: skip
    done = await executed({"values": values}, {"a": 1})
    assert done.data == {"b": 2, "all": {"a": 1, "b": 2}, "c": 3, "names": ["a", "b", "all", "c"]}


PROBLEMS: list[tuple[JsonObject, str]] = [
    ({}, "steps[0].values: give values, or something to append, extend or remove"),
    ({"values": {"a": 1}, "append": {"a": 1}}, "steps[0].append.a: is given in values already"),
    ({"values": {"a": {"map": "data.x", "wheer": "1"}}}, "steps[0].values.a.wheer: is not a known key"),
    ({"values": {"a": {"map": "data."}}}, "steps[0].values.a.map: the expression 'data.' failed"),
    ({"values": {"a": {"map": "data.x", "where": "row.y"}}}, "steps[0].values.a.where: the expression 'row.y' failed: row is not a known name"),
    ({"values": {"a": {"map": "data.x", "to": {"b": "{{ row.y }}"}}}}, "steps[0].values.a.to: the expression 'row.y' failed: row is not a known name"),
    ({"values": {"a": {"map": "data.x", "to": "{{ item | uper }}"}}}, "steps[0].values.a.to: {{ item | uper }}: there is no filter uper; did you mean upper?"),
    ({"values": {"a": {"map": "data.x", "sortBy": "item | odd"}}}, "steps[0].values.a.sortBy: there is no filter odd"),
    ({"values": {"a": {"map": "data.x", "as": "data"}}}, "steps[0].values.a.as: data means something else already"),
    ({"values": {"a": {"map": "data.x", "as": "a b"}}}, "steps[0].values.a.as: must have 1 to 64"),
    ({"values": {"a": {"map": "data.x", "join": {"with": "data.y", "on": "item", "equals": "z"}}}}, "steps[0].values.a.join.equals: the expression 'z' failed"),
    ({"values": {"a": {"map": "data.x", "join": {"with": "data.y", "as": "item", "on": "item", "equals": "item"}}}}, "steps[0].values.a.join.as: item is what"),
    ({"values": {"a": "{{ secrets.KEY }}"}}, "steps[0].values.a: the expression 'secrets.KEY' failed: secrets may be named only"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "reported"), PROBLEMS)
def test_problems_are_reported_at_a_save(step: JsonObject, reported: str) -> None:
    with pytest.raises(InvalidDefinition) as invalid:
        StepTrial(SetValues(), step)
    first = invalid.value.problems[0]
    assert f"{first.path}: {first.message}".startswith(reported)
