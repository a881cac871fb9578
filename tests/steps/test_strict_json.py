"""JSON that cannot be stored is refused; callers may ask for stricter checks."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from steps.language.strict_json import DEEPEST, JsonRefused, must_be_bounded, parse_strictly

DEEP = "[" * DEEPEST + "1" + "]" * DEEPEST


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("NaN", "NaN is not a JSON number"),
        ("-Infinity", "-Infinity is not a JSON number"),
        ("1e999", "the number 1e999 is too large"),
        (f"[{DEEP}]", "it is nested deeper than 64 levels"),
        ("[" * 100_000, "it is nested deeper than 64 levels"),
        (r'["\ud800"]', "it holds half of a surrogate pair"),
        (r'{"\udfff": 1}', "it holds half of a surrogate pair"),
        ('"\ud800"', "it holds half of a surrogate pair"),
        ('"a\nb"', "Invalid control character"),
    ],
)
def test_json_that_cannot_be_stored_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_strictly(text)


@pytest.mark.parametrize(
    ("option", "text", "says"),
    [
        ({"unique_keys": True}, '[{"a": 1, "a": 1}]', "the key 'a' occurs twice"),
        ({"exact_integers": True}, str(2**53 + 1), "is beyond 2\\^53"),
        ({"exact_integers": True}, "-" + "9" * 5_000, "is beyond 2\\^53"),
        ({"most_values": 4}, '{"a": [1, 2, {}]}', "it holds more than 4 values"),
    ],
)
def test_stricter_checks_refuse_more(option: dict[str, Any], text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_strictly(text, **option)
    if len(text) < 4_000:  # Python refuses longer integers
        parse_strictly(text)


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ({}, DEEP),
        ({}, r'"\ud83d\ude00"'),
        ({"line_breaks": True}, '"a\nb"'),
        ({"unique_keys": True}, '[{"a": 1}, {"a": 1}]'),
        ({"exact_integers": True}, str(-(2**53))),
        ({"most_values": 5}, '{"a": [1, 2, {}]}'),
        ({"most_values": 1}, "1"),
    ],
)
def test_json_that_can_be_stored_is_accepted(option: dict[str, Any], text: str) -> None:
    parse_strictly(text, **option)


def test_a_refusal_reads_as_a_sentence_after_a_name() -> None:
    with pytest.raises(JsonRefused) as refused:
        must_be_bounded([1, 2], 2)
    assert refused.value.what == "holds more than 2 values"


_NUMBERS = ("0", "-0", "-0.0", "1.50", "1e5", "1e999", "9007199254740993", "5e-324", "0.1", "1e22")
_OTHERS = ("true", "null", "NaN", '"é"', '"a b"', r'"\u0041"', r'"\ud800"', '"\ud800"', '"x: y"')
_KEYS = ('"a"', '"ab"', '"a b"', r'"\u0061"')
_SPACES = st.sampled_from(("", " ", "\n"))


def _texts(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    members = st.builds("{}:{}{}".format, st.sampled_from(_KEYS), _SPACES, inner)
    return st.builds("[{}]".format, st.lists(inner, max_size=3).map(",".join)) | st.builds(
        "{{{}}}".format, st.lists(members, max_size=3).map(", ".join)
    )


@given(st.recursive(st.sampled_from(_NUMBERS + _OTHERS), _texts, max_leaves=6))
@example('{"a":1,"a":1}')
@example('{"a b":1, "ab":2}')
def test_the_fast_path_reads_texts_correctly(text: str) -> None:
    def read(text: str) -> str:
        try:
            return repr(parse_strictly(text, unique_keys=True, exact_integers=True))
        except ValueError as refused:
            return str(refused)

    assert read(text) == read(text + " " * 5_000)  # long texts do not take the fast path
