"""JSON in a model's answer is found among other text, unless it is ambiguous."""

import contextlib
import json

import pytest

from engine import JsonObject
from steps.models.json_objects import objects_in, only_object
from steps.models.output import read_answer
from tests.harness.counted_work import calls_of
from tests.harness.growing_cost import cost_ratio

FIELDS: dict[str, JsonObject] = {"name": {"type": "string"}, "age": {"type": "integer"}}
ADA = '{"name": "Ada", "age": 36}'
BOB = '{"name": "Bob", "age": 2}'
FOUND = {"name": "Ada", "age": 36}


@pytest.mark.parametrize(
    "text",
    [
        ADA,
        f"\ufeff {ADA}\n",
        f"```json\n{ADA}\n```",
        f"```JSON\r\n{ADA}\r\n```",
        f"```json {ADA} ```",
        '{"name": "Ada", "age": 36, "note": "two\nlines"}',
        '{"name": "Ada", "age": 36, "note": "a, }",\n}',
        f"```{ADA}```",
        f"```json{ADA}```",
        f"```json\n{ADA}",
        f"Here it is:\n\n```json\n{ADA}\n```\nHope this helps!",
        f"Sure! {ADA}",
        f"The name is {{really}} Ada. {ADA} Is that {{enough}}?",
        f"{ADA}\n{ADA}",
        f"[{ADA}]",
        '"{\\"name\\": \\"Ada\\", \\"age\\": 36}"',
        f'{{"result": {ADA}}}',
        f'<tool_call>{{"tool": "deliver", "arguments": {ADA}}}</tool_call>',
        'Note: "{" begins an object. {"name": "Ada", "age": 36, "note": "a } and a \\" in it"}',
    ],
)
def test_the_one_object_that_fits_is_found(text: str) -> None:
    assert read_answer(text, FIELDS) == (FOUND, [])


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("Ada, I think", "not JSON"),
        (f"{ADA} or {BOB}", "several JSON objects"),
        ("an object is {} " * 60, "many JSON objects"),
        (f"[{ADA}, {BOB}]", "must be a JSON object"),
        (f'{{"was": {BOB}, "is": {ADA}', "not JSON"),
        (f'{{"was": {BOB}, "is": {ADA}}}', "required"),
        (f'{{"name": "Ada", "child": {BOB}}}', "required"),
        ('{"name": "Ada", "age": "36"}', "whole number"),
        ("5", "must be a JSON object"),
        ('Sure: {"name": "Ada", "age": NaN}', "not JSON"),
    ],
)
def test_an_ambiguous_answer_is_asked_for_again(text: str, reported: str) -> None:
    _, problems = read_answer(text, FIELDS)
    assert problems
    assert reported in str(problems), problems


@pytest.mark.parametrize("text", [f"Sure! {ADA}", f'{{"a": {ADA}', f"{ADA} {ADA}"])
def test_arguments_of_a_call_must_be_plain_json(text: str) -> None:
    with pytest.raises(ValueError, match=r"line \d|delimiter|data"):
        only_object(text)


@pytest.mark.parametrize(
    "piece", ["{", '{"', '{"a":', "```", '"', "}{", '{"a": 1}', "{'", '\\"', '",']
)
def test_the_search_for_objects_costs_in_proportion(piece: str) -> None:
    def search(size: int) -> None:
        with contextlib.suppress(ValueError):
            objects_in("x " + piece * (size // len(piece)))
        with contextlib.suppress(ValueError):
            only_object('{"a": "' + piece * (size // len(piece)))
        with contextlib.suppress(ValueError):
            objects_in("```" + "a" * size)

    assert cost_ratio(search, 20_000) < 32


def test_the_fields_are_compiled_once_however_many_objects_an_answer_has() -> None:
    text = json.dumps({f"k{i}": {} for i in range(500)})
    assert calls_of(lambda: read_answer(text, FIELDS)) < 500 * 30
