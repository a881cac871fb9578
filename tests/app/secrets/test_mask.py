"""No secret value survives masking, whatever its encoding in a text."""

import base64
import html
import json
from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus, urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.execution.attempts.masked_outcome import masked_outcome
from app.secrets.mask import Mask
from engine import Broke, Delivered, Json, Pause, Pauses, Sleeps, StepError
from tests.harness.growing_cost import cost_ratio

ENCODED: Mapping[str, Callable[[str], str]] = {
    "plain": lambda value: value,
    "lower": str.lower,
    "url": quote,
    "url, all": lambda value: quote(value, safe=""),
    "url, lower": lambda value: quote(value, safe="").lower(),
    "url, twice": lambda value: quote(quote(value, safe=""), safe=""),
    "form": quote_plus,
    "query": lambda value: urlencode({"a": value})[2:],
    "httpx query": lambda value: str(httpx.URL("http://a/", params={"a": value}))[12:],
    "json": lambda value: json.dumps(value)[1:-1],
    "json, unicode": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "json in json": lambda value: json.dumps(json.dumps(value))[3:-3],
    "json with slashes": lambda value: json.dumps(value)[1:-1].replace("/", "\\/"),
    "repr": lambda value: repr(value)[1:-1],
    "html": html.escape,
    "base64 in url": lambda value: quote(base64.b64encode(value.encode()).decode(), safe=""),
}
VALUES = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Z")), min_size=4, max_size=40
)
HARD = ["pass/word+1", 'quo"te\\back', "\\\\\\\\", "a b&c<d>", "ümläut€😀", "%2F%25%", "line\nfeed\t!",
        "1234", "----", "\\n\\u0041", "sk_live_0123456789abcdef", "''\"\"", "a\\\nb"]  # fmt: skip


def survives(value: str, encoded: str) -> None:
    around = f"<before>{encoded}<after>"
    assert Mask([value]).text(around) == "<before>***<after>", (value, encoded)


@pytest.mark.parametrize("form", ENCODED)
@pytest.mark.parametrize("value", HARD)
def test_hard_values_are_found_in_every_form(value: str, form: str) -> None:
    encoded = ENCODED[form](value)
    if form == "base64 in url":
        left = Mask([value]).text(encoded)
        assert len(left.replace("***", "")) <= 8
    elif form == "repr" and not value.isprintable() and "\\" in value:
        assert value not in Mask([value]).text(encoded)
    else:
        survives(value, encoded)


@given(VALUES, st.sampled_from(["plain", "url, all", "form", "json", "json in json", "html"]))
def test_no_encoding_of_any_value_survives(value: str, form: str) -> None:
    masked = Mask([value]).text(f"<before>{ENCODED[form](value)}<after>")
    assert masked == "<before>***<after>" or value in "<before>***<after>"


@given(VALUES, st.binary(max_size=7), st.binary(max_size=7), st.booleans())
def test_base64_is_found_at_every_offset(
    value: str, before: bytes, after: bytes, url: bool
) -> None:
    encode = base64.urlsafe_b64encode if url else base64.b64encode
    whole = before + value.encode() + after
    masked = Mask([value]).text(encode(whole).decode())
    assert "***" in masked
    # What remains encodes only neighbouring bytes, or bits of a neighbour and the value.
    kept = len(masked.replace("***", "").replace("=", ""))
    assert kept <= (len(before) * 4 // 3 + 2) + (len(after) * 4 // 3 + 2)


@given(VALUES, st.lists(VALUES, max_size=5))
def test_a_document_is_masked_in_keys_texts_and_depth(value: str, others: list[str]) -> None:
    document: Json = {"a": [{"b": f"x{value}y", value: 1}], "others": [*others]}
    masked = Mask([value, *others]).value(document)
    assert value not in json.dumps(masked, ensure_ascii=False) or value in '{"a": [{"b": "x***y"'


def test_numbers_equal_to_a_secret_are_masked() -> None:
    assert Mask(["123456"]).value({"pin": 123456, "n": 1234567, "f": 1.5, "b": True}) == {
        "pin": "***", "n": 1234567, "f": 1.5, "b": True,
    }  # fmt: skip


def test_short_values_and_no_values_change_nothing() -> None:
    document: Json = {"a": "abc", "deep": [None, 1, True]}
    assert Mask([]).value(document) is document
    assert Mask(["abc"]).value(document) is document


@pytest.mark.parametrize("form", ["plain", "url, all", "json", "base64 in url"])
def test_a_text_that_was_cut_inside_a_secret_is_masked(form: str) -> None:
    value = "canary/0123456789+abcdef ghi"
    encoded = ENCODED[form](value)
    for length in range(16, len(encoded)):
        masked = Mask([value]).text(f"status 500: {encoded[:length]}")
        assert masked.startswith("status 500: ***"), masked
        assert len(masked) <= (24 if form == "base64 in url" else 15)


@given(st.lists(st.text('\\"%+ aA/', min_size=4, max_size=9), min_size=2, max_size=6))
def test_values_with_a_common_prefix_are_all_found(values: list[str]) -> None:
    mask = Mask(values)
    for value in values:
        assert set(mask.text(value)) <= set(f"*{value}")
        assert value not in mask.text(f"<{value}>").replace("***", "")


def test_the_longer_of_two_overlapping_values_is_masked() -> None:
    assert Mask(["pass", "password"]).text("a password, a pass") == "a ***, a ***"


@pytest.mark.parametrize("value", ["x" * 8_001, "long secret/+" * 4_000])
def test_long_values_are_found_in_the_usual_encodings(value: str) -> None:
    mask = Mask([value])
    for form in ("plain", "url", "url, all", "form", "json"):
        assert mask.text(f"<{ENCODED[form](value)}>") == "<***>"
    encoded = base64.b64encode(b"user:" + value.encode()).decode()
    assert len(mask.text(encoded)) < 20
    assert mask.text(f"the answer: {value[:200]}") == "the answer: ***"


@pytest.mark.parametrize("piece", ["\\", "%25", "a", "pass/", "&#0"])
def test_a_large_text_is_masked_at_proportional_cost(piece: str) -> None:
    mask = Mask([*HARD, *(f"secret-{n}-{'x' * 30}" for n in range(50))])
    assert cost_ratio(lambda size: mask.text(piece * (size // len(piece))), 30_000) < 32


@pytest.mark.parametrize("alike", ["shared-prefix/", "sk_live_", "a" * 40, "a" * 1_000, "a/" * 100])
def test_an_adversarial_text_is_masked_at_proportional_cost(alike: str) -> None:
    values = [f"{alike}{n:03}{n * 7919 % 1000:03}zz" for n in range(100)]
    mask = Mask(values)

    def masked(piece: str) -> Callable[[int], object]:
        return lambda size: mask.text(piece * (size // len(piece)))

    for piece in (alike, f"{alike}05"):
        assert cost_ratio(masked(piece), 60_000) < 32
    for value in values:
        assert mask.text(f"x {value} y") == "x *** y"
        assert mask.text(f"x {value[:-1]}") == "x ***"


def test_a_document_nested_too_deep_is_masked_as_a_whole() -> None:
    deep: Json = ["canary-value"]
    for _ in range(5_000):
        deep = [deep]
    assert Mask(["canary-value"]).value(deep) == "***"


async def test_every_outcome_is_masked() -> None:
    mask, shown = Mask(["canary-value"]), "canary-value"
    given = Delivered([shown], {"a": shown}, {"b": [shown, 1]}, ["c"])
    assert await masked_outcome(given, mask) == Delivered(
        ["***"], {"a": "***"}, {"b": ["***", 1]}, ["c"]
    )
    error = StepError("HttpStatus", f"it said {shown}", retryable=False, retry_after_ms=5)
    assert await masked_outcome(Broke(error), mask) == Broke(
        StepError("HttpStatus", "it said ***", retryable=False, retry_after_ms=5)
    )
    asks = Pauses(Pause("collect_inputs", {"message": shown}), 7)
    assert await masked_outcome(asks, mask) == Pauses(
        Pause("collect_inputs", {"message": "***"}), 7
    )
    assert await masked_outcome(Sleeps(5), mask) == Sleeps(5)
