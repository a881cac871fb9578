"""The list of filters, tests and functions matches MiniJinja's, and its examples are correct."""

import json
import re

import pytest
from minijinja import Environment

from engine import Json
from steps.language.catalogue import FILTERS, FUNCTIONS, TESTS, Word
from steps.language.expression import Expression, ExpressionError
from steps.language.filters.offered import FILTERS as OWN
from steps.language.filters.offered import TESTS as OWN_TESTS
from steps.language.findings.words import findings_in
from steps.language.syntax.parser import parse

WORDS = list({word.name + str(id(word)): word for known in (FILTERS, TESTS, FUNCTIONS)
              for word in known.values()}.values())  # fmt: skip


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.name)
def test_the_example_is_correct_and_passes_the_check(word: Word) -> None:
    text, _, right = word.example.partition(" -> ")
    assert list(findings_in(parse(text))) == []
    assert json.dumps(Expression(text).evaluate({"data": {}, "now": 0})) == json.dumps(
        json.loads(right)
    )


def test_the_list_matches_minijinja() -> None:
    reported = Environment(filters=OWN, tests=OWN_TESTS, pycompat=False).eval_expr("debug()")
    for title, known in (("tests", TESTS), ("filters", FILTERS)):
        listed = re.search(rf"{title}: \[(.*?)\]", reported, re.DOTALL)
        assert listed is not None
        assert set(re.findall(r'"([^"]+)"', listed[1])) == set(known)


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("data.x | uper", "there is no filter uper; did you mean upper?"),
        ("data.x | lenght > 1", "did you mean length?"),
        (
            "data.x | regex_replace('a', 'b')",
            "there is no filter regex_replace; here it is regex_sub",
        ),
        ("data.x is strng", "there is no test strng; did you mean string?"),
        ("data.x | map('uper')", "did you mean upper?"),
        ("data.x | selectattr('a', 'equls', 1)", "there is no test equls"),
        ("data.d | date_add", "the filter date_add needs an argument: date_add(duration)"),
        ("data.d | replace('a')", "needs 2 arguments: replace(old, new)"),
        ("data.d | upper(1)", "takes no argument"),
        ("data.d | truncate(lenght=1)", "has no argument lenght; it is called as truncate(length="),
        ("data.s.split(' ')", "values have no method split; use `| split(' ')`"),
        ("data.s.format(5)", "values have no method format"),
        ("data.s.urlencode()", "use the filter `| urlencode`"),
        ("data.s.frobnicate()", "there are get, items, keys, values"),
        ("lower(data.s)", "there is no function lower"),
        ("range()", "the function range needs an argument"),
        (
            "data.l | selectattr(attribute='a')",
            "takes attribute without its name: selectattr(attribute, ...)",
        ),
        ("data.d | date_add('1 day')", "must be a duration"),
        ("data.d | date_add(1)", "duration of date_add must be a text, not a number"),
        ("data.d | date_in('Europa/Berlin')", "there is no time zone 'Europa/Berlin'"),
        ("now('Mars/X')", "there is no time zone 'Mars/X'"),
        ("data.d | date_diff(data.e, 'fortnights')", "unit must be one of"),
        ("data.s | split('')", "`split` needs a separator"),
        ("data.s | split(separator='', limit=2)", "`split` needs a separator"),
        ("data.d | date_trunc('decade', data.zone)", "unit must be one of"),
        ("data.s | regex_match('(?=a)')", "the pattern cannot be used"),
        ("data.s is matching('(')", "the pattern cannot be used"),
        ("data.s | hmac(data.key, 'md5')", "sha256"),
        ("data.n | format_number(-1)", "decimals must be 0 to 20"),
        ("data.d | date_format('YYYY-MM-DD')", "has no directive: write %Y-%m-%d"),
        ("data.n is divisibleby(0)", "`divisibleby` takes a number other than 0"),
        ("data.s is startingwith(1)", "`startingwith` takes a text, not a number"),
    ],
)
def test_wrong_names_and_arguments_are_found_without_evaluating(text: str, reported: str) -> None:
    assert reported in " ".join(findings_in(parse(text)))


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("'abcdefgh ij' | truncate(5, true, '')", "abcde"),
        ("'abcdefgh ij' | truncate(length=5, killwords=true, end='')", "abcde"),
        ("[2, 1] | sort(false)", [1, 2]), ("'a.b' | replace(old='.', new='-')", "a-b"),
        ("data.x | default(default_value=3)", 3), ("['a', 'A'] | unique(true) | list", ["a", "A"]),
    ],
)  # fmt: skip
def test_arguments_may_be_positional_or_named(text: str, right: Json) -> None:
    assert Expression(text).evaluate({"data": {}}) == right


def test_an_unknown_filter_fails_only_when_it_is_evaluated() -> None:
    """Definitions stored before the check existed must still load."""
    expression = Expression("data.x | uper if data.x is defined else 1")
    assert expression.evaluate({"data": {}}) == 1
    with pytest.raises(ExpressionError, match="uper"):
        expression.evaluate({"data": {"x": "a"}})
