"""Values of different types never compare silently, and no result grows without a bound."""

import pytest

from engine import ConditionFailed, Json
from steps.document.edge_condition import condition
from steps.language.expression import Expression, ExpressionError
from steps.language.findings.types import crossings_in
from steps.language.syntax.parser import parse

SCOPE: dict[str, Json] = {
    "data": {
        "n": 100, "f": 100.5, "five": "5", "none": None, "yes": True, "l": [3, "20", 1], "o": {"k": 1},
        "rows": [{"n": 2, "s": "b"}, {"n": "1", "s": "a"}], "numbers": [3, 1, 2],
    },
    "steps": {"get-pet": {"output": {"body": 1}}},
}  # fmt: skip


def value(text: str) -> Json:
    return Expression(text).evaluate(SCOPE)


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("data.five > 100", '"5" > 100 compares a text with a number'),
        ("100 > data.five", '100 > "5" compares a number with a text'),
        ("data.none <= 100", "null <= 100 compares null with a number"),
        ("[] > 5", "[] > 5 compares a list with a number"),
        ("data.o >= 1", '{"k": 1} >= 1 compares an object with a number'),
        ("data.yes < 2", "true < 2 compares a boolean with a number"),
        ("data.o < data.o", "which have no order"),
        ("[1, 'a'] < [1, 2]", "compares a text with a number"),
        ("0 < data.five < 9", "compares a number with a text"),
        ("data.five is gt(1)", "compares a text with a number"),
        ("data.five is lessthan 1", "compares a text with a number"),
        ("data.l | select('>', 1) | list", "compares a text with a number"),
        ("data.rows | selectattr('n', 'ge', 1) | list", "compares a text with a number"),
        ("data.l | max", '`max` of 3 and "20" compares a number with a text'),
        ("data.l | min", "`min` of 3"),
        ("data.l | sort", "`sort` of 3"),
        ("data.rows | sort(attribute='n')", '`sort` of 2 and "1"'),
        ("data.rows | map(attribute='x', default=none) | max", "null"),
        ("data.rows | map(attribute='x') | sum", "`map` asks for x, which no item has"),
        ("data.rows | sum(attribute='s')", "only numbers can be added up"),
        ("(data.rows + [{}]) | sum('n')", "`sum` adds up n, which item 2 does not have"),
        ("data.rows | groupby('x')", "`groupby` asks for x, which no item has"),
        ("data.rows | unique(attribute='x')", "`unique` asks for x, which no item has"),
        ("data.rows | join(',', 'x')", "`join` asks for x, which no item has"),
        ("data.missing | sum('n')", "data.missing does not exist"),
        ("data.missing ~ 'x'", "data.missing does not exist"),
        ("data.missing | join", "data.missing does not exist"),
        ("data.five + 1", "`+` cannot take a text and a number; join texts with `~`"),
        ("data.none | max", "max takes a list, not null"),
        ("data.five | max", "max takes a list, not a text; `split(',')`"),
        ("data.five | sort", "sort takes a list, not a text"),
        ("data.five | sum", "it needs a list, not a text"),
        ("data.five | map(attribute='x') | list", "`map` takes a list, not a text"),
        ("data.five | selectattr('x') | list", "`selectattr` takes a list, not a text"),
        ("data.five | groupby('x')", "`groupby` takes a list, not a text"),
        ("data.missing | length", "data.missing does not exist"),
        ("data.o.gone | tojson", "data.o.gone does not exist"),
        ("data.missing | truncate(3)", "data.missing does not exist"),
        ("data.missing | date_format('%Y')", "data.missing does not exist"),
        ("data.none | date_format('%Y')", "null is not an ISO date"),
        ("data.n | date_format('%Y')", "`from_timestamp` makes one of Unix seconds"),
        ("'a5' | int", "the text is not a number; give a replacement with `int(default=0)`"),
        ("[] | first", "it gives nothing, such as the first item of an empty list"),
        ("data.five is odd", "`odd` takes a number, not a text"),
        ("data.yes is even", "`even` takes a number, not a boolean"),
        ("data.l | select('odd') | list", "`odd` takes a number, not a text"),
        ("data.missing is odd", "data.missing does not exist"),
        ("data.n is divisibleby(data.five)", "`divisibleby` takes a number, not a text"),
        ("data.n is startingwith('1')", "`startingwith` takes a text, not a number"),
        ("data.five is endingwith(data.n)", "`endingwith` takes a text, not a number"),
        ("data.rows | index_by('k')", "index_by asks for k, which item 0 does not have"),
        ("data.l.length", "data.l.length does not exist; its length is `| length`"),
        ("data.l[0].first.length", "data.l[0].first does not exist; ask first"),
        ("data.missing == 1", "data.missing does not exist"),
        ("[data.missing]", "data.missing does not exist"),
        ("{'a': data.missing}", "data.missing does not exist"),
        ("{data.missing: 1}", "data.missing does not exist"),
        ("[data.none or data.missing]", "data.missing does not exist"),
        ("[1 if data.none]", "a value in it does not exist"),
        ("[data.missing if data.n]", "data.missing does not exist"),
        ("1 in [data.n, data.missing]", "data.missing does not exist"),
        ("data.items", "data.items does not exist"),
        ("data.items and true", "data.items does not exist"),
        ("data['key' ~ 's']", "a value in it does not exist"),
        ("data.l[true]", "does not exist"),
        ("data.rows | map(attribute='items') | list", "`map` asks for items, which no item has"),
        ("data.rows | join(',', 'items')", "`join` asks for items, which no item has"),
        ("[1] | map(attribute='a')", "`map` asks for a, which no item has"),
        ("data.o | map(attribute='a')", "`map` asks for a, which no item has"),
        ("'a,b' | split('')", "`split` needs a separator"),
        ("data.o[[1]]", "does not exist"),
        ("data.o.get(key='a')", "get takes no argument by name"),
        ("data.o.get('a', 1, 2)", "get is called as get(name) or get(name, default)"),
        ("'a'.upper()", "a text has no method upper"),
        ("([] | first) ~ ''", "a value in it does not exist"),
        ("([] | first) < 1", "a value in it does not exist"),
        ("1 is eq(data.missing)", "data.missing does not exist"),
        ("data.l | join(data.missing)", "data.missing does not exist"),
        ("data.missing | default(data.lacking)", "data.lacking does not exist"),
        ("data.o.get('b', data.missing)", "data.missing does not exist"),
        ("-data.missing", "data.missing does not exist"),
        ("range(1, data.missing)", "data.missing does not exist"),
        ("'2026-01-01' | date_add(5)", "duration of date_add must be a text, not a number"),
        ("data.none | b64encode", "b64encode takes a text, not null"),
        ("data.n | flatten", "flatten takes a list, not a number"),
        ("data.n | format_number(2.5)", "decimals must be 0 to 20"),
        ("{'low': data.five < 1}", "compares a text with a number"),
        ("data.missing > 1", "data.missing does not exist"),
        ("data.none | int", "null is not a number; give a replacement with `int(default=0)`"),
        ("[data.none] | map('float') | list", "null is not a number"),
        ("[1e40] | map('int') | list", "the number has more than 128 bits"),
        ("data.none | map('upper') | list", "`map` takes a list, not null"),
        ("data.none | select('odd') | list", "`select` takes a list, not null"),
        ("data.none | selectattr('a') | list", "`selectattr` takes a list, not null"),
        ("data.none | list", "`list` takes a list, not null"),
        ("data.none | unique", "`unique` takes a list, not null"),
        ("data.none | batch(2)", "`batch` takes a list, not null"),
        ("data.none | join(',')", "`join` takes a list, not null"),
        ("data.none | groupby('a')", "`groupby` takes a list, not null"),
        ("data.numbers | zip(data.none)", "`zip` takes a list, not null"),
        ("[data.l] | map('sort') | list", "`sort` of 3 and"),
        ("[[true, 1]] | map('unique') | list", "`unique` of true and 1 mixes two kinds"),
        ("['ab'] | map('split', '') | list", "`split` needs a separator"),
        ("data.n | wordwrap(2)", "`wordwrap` takes a text, not a number"),
        ("data.none | indent(2)", "`indent` takes a text, not null"),
        ("[data.none] | map('truncate', 2) | list", "`truncate` takes a text, not null"),
        ("data.none | urlencode", "urlencode takes a text or an object, not null"),
        ("data.l[data.yes]", "does not exist"),
        ("data.five[:'2']", "it takes a whole number, not a text"),
    ],
)
def test_comparing_two_types_is_an_error_that_names_both(text: str, reported: str) -> None:
    with pytest.raises(ExpressionError) as failed:
        value(text)
    assert reported in str(failed.value)
    with pytest.raises(ConditionFailed):
        condition(text)(SCOPE)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("'is ' ~ data.yes ~ data.none ~ data.rows[1]", 'is truenull{"n": "1", "s": "a"}'),
        ("[data.yes, none, 'a'] | join(' ')", "true null a"), ("data.none | string", "null"),
        ("[{'n': 1}, none] | sum(attribute='n')", 1), ("[[1, 2]] | map(attribute='1') | list", [2]),
        ("true ~ none ~ [none] ~ (1 < 2)", "truenull[null]true"), ("true | string | upper", "TRUE"),
        ("[data.none, data.yes, {'a': none}] | map('string') | list", ["null", "true", '{"a": null}']),
        ("[data.none, data.yes] | map('upper') | join", "NULLTRUE"), ("[[data.yes, none]] | map('join', ',') | first", "true,null"),
        ("['%s'] | map('format', data.yes) | first", "true"), ("'a' | replace('a', data.none)", "null"),
        ("['a'] | map('replace', 'a', data.yes) | first", "true"), ("['a', 'b'] | join(data.yes)", "atrueb"),
        ("[{'a': true}, {'a': none}, {}] | join(',', attribute='a')", "true,null,"), ("data.yes | escape", "true"),
        ("{'a': true, 'b': none, 'c': [1, 'x y']} | urlencode", "a=true&c=1&c=x%20y"), ("data.yes | urlencode", "true"),
        ("[data.none] | pprint", "[\n  null\n]"), ("'a b c' | split(limit=1)", ["a", "b c"]), ("2 | pluralize(plural='en')", "en"), ("[{}] | groupby(default=1, attribute='a')", [[1, [{}]]]), ("[' 1 '] | map('int') | list", [1]),
        ("data.none | int(7)", 7), ("[none] | map('int', 0) | list", [0]), ("'abc' | map('upper') | join('-')", "A-B-C"),
        ("data.o | map('upper') | list", ["K"]), ("data.none | default([], true) | map('upper') | list", []),
        ("data.none | upper", "NULL"), ("'%s' | format(data.yes)", "true"), ("{'a': none} | string", '{"a": null}'),
        ("{none: 1, data.yes: 2, 3: 3}", {"null": 1, "true": 2, "3": 3}), ("data.l[1.0] == data.l[1]", True),
        ("[{'items': 1}] | selectattr('items') | map(attribute='items') | list", [1]), ("{'keys': 2}.keys", 2),
        ("true == 1", False), ("data.yes != 1", True), ("data.yes == true", True), ("data.n == 100.0", True),
        ("' 12 ' | int", 12), ("'x' | int(default=-1)", -1), ("-0.001 | format_number(2)", "0.00"),
        ("'2026-01-05t10:00:00z' | date_format('%H')", "10"), ("data.f > data.n", True), ("'a' < 'b'", True), ("[1, 2] < [1, 3]", True), ("[1] < [1, 0]", True),
        ("1 < 2 < 3", True), ("3 > 2 >= 3", False), ("'100' == 100", False), ("data.none == 0", False),
        ("data.none != 1", True), ("100 in ['100']", False), ("1 < 2 == true", False),
        ("(data.rows | first) ~ (data.none | default([])) ~ ([none] + [true])", '{"n": 2, "s": "b"}null[null, true]'),
        ("data.o.get('k', data.missing)", 1), ("([1] | first) | default(data.missing)", 1), ("data.o | attr('k')", 1),
        ("(' 1' ~ '2 ') | int", 12), ("([1] | first) == true", False), ("data.o | safe", '{"k": 1}'),
        ("data.numbers | max", 3), ("data.numbers | sort(true)", [3, 2, 1]), ("[] | max | default(0)", 0),
        ("data.rows | sort(attribute='s') | map(attribute='s') | list", ["a", "b"]),
        ("data.rows | min(attribute='s')", {"n": "1", "s": "a"}), ("data.n is le 100", True),
    ],
)  # fmt: skip
def test_values_of_one_type_compare(text: str, right: Json) -> None:
    assert value(text) == right


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("data.name + 1", "`+` cannot take a text and a number"),
        ("data.count - data.name", "`-` cannot take a number and a text"),
        ("none + 1", "`+` cannot take null and a number"), ("{} + {}", "cannot take an object and an object"),
        ("data.name * data.name", "`*` cannot take a text and a text"),
        ("data.name in data.count", "`in` needs a list, a text or an object, not a number"),
        ("5 not in data.name", "is never true of a number"),
        ("data.count + 1 + (true + 1)", ""), ("'-' * data.count", ""), ("data.count * [0]", ""),
        ("data.other + 1", ""), ("data.name in data.other", ""), ("data.name + 'a'", ""),
    ],
)  # fmt: skip
def test_mismatched_operands_are_found_by_declared_types(text: str, reported: str) -> None:
    declared = {"name": {"type": "string"}, "count": {"type": "number"}}
    found = " ".join(crossings_in(parse(text), declared))
    assert (reported in found) if reported else not found


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("data.numbers + [data.n * 2]", [3, 1, 2, 200]), ("{'total': data.n * 2}", {"total": 200}),
        ("2 * 3 * 4", 24), ("'ab' * 2", "abab"), ("[1] * 2", [1, 1]), ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9),
        ("data.f * 2", 201.0), ("'a*b' | replace('*', '-')", "a-b"),
    ],
)  # fmt: skip
def test_products_work_in_lists_and_objects(text: str, right: Json) -> None:
    assert value(text) == right


@pytest.mark.parametrize(
    "text",
    ["[[0] * 100000] * 100000", "['x' * 1000000] * 1000", "[0] * 100001", "data.o * 2", "data.none * 2",
     "('x' * 100000) | wordwrap(1)"],
)  # fmt: skip
def test_a_result_that_would_be_too_large_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        value(text)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("data.a.b | default('d')", "d"), ("data.a.b.c is defined", False), ("data.a.b is undefined", True),
        ("data.a.b is not defined", True), ("data.o.k is defined", True), ("data.o.k | default(9)", 1),
        ("data.none.x | default('d')", "d"), ("data.none | default('d')", None),
        ("data.none | default('d', true)", "d"), ("data['o']['z'] | d('d')", "d"),
        ("data.numbers[7] | default('d')", "d"), ("data.numbers[-1] | default('d')", 2),
        ("error.message | default('none')", "none"), ("steps['get-pet'].output.x is defined", False),
        ("data.rows[0].n is defined", True), ("data.a.b is defined and data.a.b > 1", False),
        ("data.a.b | default(data.n) > 99", True), ("not data.a.b is defined", True),
    ],
)  # fmt: skip
def test_tests_of_existence_work_where_a_parent_is_missing(text: str, right: Json) -> None:
    assert value(text) == right


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("data.a.b", "data.a does not exist"), ("data.o.z + 1", "data.o.z does not exist"),
        ("steps['x'].output", "steps.x does not exist"), ("error.type", "error does not exist here"),
    ],
)  # fmt: skip
def test_a_missing_value_is_named(text: str, reported: str) -> None:
    with pytest.raises(ExpressionError, match="ask first") as failed:
        value(text)
    assert reported in str(failed.value)


def test_objects_have_four_methods() -> None:
    assert value("data.o.items() | list") == [["k", 1]]
    assert value("data.o.keys() | list") == ["k"]
    assert value("data.o.values() | list") == [1]
    assert value("{'a': 2}.get('a') + data.o.get('z', 3)") == 5
    with pytest.raises(ExpressionError, match="a number has no method keys"):
        value("data.n.keys()")


MADE = (
    "data.o", "data.rows", "data.rows[:1]", "(data.o | merge({'z': 1}))", "(data.rows | index_by('n'))", "([[1]] | flatten)",
    "('{\"a\": [1]}' | from_json)", "('{\"a\": [1]}' | from_json).a", "('https://a/?b=c' | urlsplit).query",
    "('a1' | regex_findall('.'))", "(data.rows | max(attribute='s'))", "data.o.items()", "data.o.items()[0]",
    "data.o.get('z', [])", "(data.l * 2)", "{'a': {'b': 1}}[data.five | replace('5', 'a')]", "(data.z | default({}))",
    "(data.rows | groupby('n') | first)", "(data.rows | map('merge', {'z': 1}) | first)", "range(3)", "now()", "data.n",
)  # fmt: skip


@pytest.mark.parametrize("made", MADE)
def test_no_attribute_of_python_can_be_reached(made: str) -> None:
    scope = {**SCOPE, "now": 0}
    for name in ("pop", "items", "keys", "count", "copy", "fromkeys", "real", "__class__", "_size"):
        for text in (
            f"{made}.{name}", f"{made}.{name} ~ ''", f"{made} | attr('{name}')", f"[{made}] | groupby('{name}')",
            f"[{made}.{name}]", f"{made}.{name}.x", f"[{made}] | map(attribute='{name}') | list",
        ):  # fmt: skip
            with pytest.raises(ExpressionError, match=r"does not exist|gives nothing|no item has"):
                Expression(text).evaluate(scope)
        assert Expression(f"{made}.{name} is defined").evaluate(scope) is False
        assert Expression(f"[{made}] | map('attr', '{name}') | list").evaluate(scope) == [None]
        if name not in ("items", "keys"):
            with pytest.raises(ExpressionError, match=r"has no method|have no method|no such"):
                Expression(f"{made}.{name}()").evaluate(scope)


def test_a_hyphenated_key_after_a_dot_is_explained() -> None:
    with pytest.raises(ExpressionError, match=r"written steps\['get-pet'\]"):
        Expression("steps.get-pet.output.body")
    assert value("steps['get-pet'].output.body") == 1


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("'2026-03-01T10:00:00+02:00' | date_format('%s')", "1772352000"),
        ("'2026-03-01T10:00:00Z' | date_format('%s %H')", "1772359200 10"),
        ("'2026-03-01' | date_format('%s %%s %d')", "1772323200 %s 01"),
        ("'0001-01-01T00:00:00Z' | date_format('%Y-%m %F')", "0001-01 0001-01-01"),
        ("'2026-01-31' | date_add('14d')", "2026-02-14"), ("'2026-03-01' | date_add('-1d')", "2026-02-28"),
        ("'2026-01-31' | date_add('12h')", "2026-01-31T12:00:00"),
        ("'2026-01-31T00:00:00Z' | date_add('-2h')", "2026-01-30T22:00:00Z"),
        ("'2026-01-31T10:00:00+02:00' | date_add('1d')", "2026-02-01T10:00:00+02:00"),
    ],
)  # fmt: skip
def test_dates(text: str, right: Json) -> None:
    assert value(text) == right


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("data.yes in [1]", False),
        ("1 in [data.yes, 1.0]", True),
        ("[data.yes] == [1]", False),
        ("{'a': [true]} != {'a': [1]}", True),
        ("[[1]] == [[1.0]]", True),
        ("[1, true] | select('eq', 1) | list", [1]),
        ("[1, true] | reject('in', [1]) | list", [True]),
        ("(data.n | int) in (data.numbers | sort)", False),
        ("3 in (data.numbers | sort)", True),
        ("data.five in 'a5'", True),
        ("data.five not in data.o", True),
    ],
)
def test_a_boolean_is_never_a_number(text: str, right: Json) -> None:
    assert value(text) == right


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("5 in data.five", '5 in "5" looks for a number in a text'),
        ("data.none in 'null'", "looks for null in a text"),
        ("data.n is in('100')", "looks for a number in a text"),
        ("[1, true] | unique", "`unique` of true and 1 mixes two kinds"),
        ("[{'a': 1}, {'a': false}] | groupby('a')", "`groupby` of false and 1 mixes two kinds"),
        ("1e300 | int", "the number has more than 128 bits"),
        ("'-1e300' | int", "the number has more than 128 bits"),
        ("data.n / 0", "divides by zero"),
        ("data.n | length", "a number has no length"),
        ("data.five | indent('a')", "it takes a whole number from 0, not a text"),
        ("data.yes | batch(2)", "it takes a list, not a boolean"),
        ("data.o.keys(1)", "keys takes no argument"),
    ],
)
def test_what_two_kinds_cannot_do_is_told_in_words_of_json(text: str, reported: str) -> None:
    with pytest.raises(ExpressionError) as failed:
        value(text)
    assert reported in str(failed.value)
