"""The line of every value of a JSON text, found in linear time."""

import json
from typing import Any

import pytest

from app.definitions.json_lines import line_of, lines_of
from app.definitions.yaml_text import read_yaml


class CountedText(str):
    """A text that counts the characters searched for line breaks."""

    __slots__ = ()
    looked_at = 0

    def count(self, *place: Any) -> int:
        _, start, end = place
        CountedText.looked_at += int(end) - int(start)
        return super().count(*place)


def test_every_value_has_its_line() -> None:
    text = '{\n "steps": [\n  {"id": "a",\n   "x\\"y": [1,\n 2]}],\n\n "edges": []}'
    lines = lines_of(text)
    assert lines["steps"] == 2
    assert lines["steps[0].id"] == 3
    assert lines['steps[0].x"y[1]'] == 5
    assert lines["edges"] == 7
    assert line_of(lines, "steps[0].id.value") == 3
    assert line_of(lines, "steps[0].url") == 3
    assert line_of(lines, "steps[7]") == 2
    assert line_of(lines, "nowhere") == 1


def test_a_text_with_many_values_costs_in_proportion() -> None:
    looked_at = []
    for count in (1_000, 4_000):
        CountedText.looked_at = 0
        lines_of(CountedText(json.dumps({"steps": [{"id": i} for i in range(count)]}, indent=1)))
        looked_at.append(CountedText.looked_at)
    assert looked_at[1] < 4.5 * looked_at[0]


def of_json(count: int) -> dict[str, int]:
    return lines_of(json.dumps({"k" * count: [1] * count}))


def of_yaml(count: int) -> dict[str, int]:
    return read_yaml(f"? {'k' * count}\n: [{'1, ' * count}]")[1]


@pytest.mark.parametrize("lines", [of_json, of_yaml])
def test_a_long_key_is_not_copied_into_the_path_of_each_value(lines: Any) -> None:
    long = [sum(map(len, lines(count))) for count in (2_500, 10_000)]
    assert long[1] <= 5 * long[0]
    assert line_of(lines(2_500), f"{'k' * 2_500}[1]") == 1
