"""Pictures and comparisons cost work in proportion to what they show, or are refused early."""

import random
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from app.web.console.compare import compared
from app.web.console.graph import draw
from app.web.console.line_differences import Block, differences
from tests.harness.work import calls_of, lines_of

GROWTH = 5.5
"""What four times the input may cost: 4 in proportion, with sorting a little more, 16 squared."""


def chain(steps: int, edges: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Return a chain with so many more edges, from a step to another."""
    ids = [f"s{n}" for n in range(steps)]
    both = [*edges, *zip(range(steps), range(1, steps))]  # noqa: B905 - one shorter
    return {
        "initialStep": "s0",
        "steps": [{"id": name, "type": "end-flow"} for name in ids],
        "edges": [{"from": ids[a], "to": ids[b], "condition": "data.a"} for a, b in both],
    }


def over_all(count: int) -> dict[str, Any]:
    return chain(40, [(0, 39)] * count)


def between_two_layers(count: int) -> dict[str, Any]:
    width = 20
    steps = [{"id": f"{side}{n}"} for side in "ab" for n in range(width)]
    edges = [{"from": f"a{n % width}", "to": f"b{n * 7 % width}"} for n in range(count)]
    return {"initialStep": "a0", "steps": steps, "edges": edges}


@pytest.mark.parametrize(("shape", "few"), [(over_all, 30), (between_two_layers, 200)])
def test_a_picture_costs_in_proportion_to_what_it_shows(shape: Any, few: int) -> None:
    costs = [calls_of(partial(draw, shape(count))) for count in (few, 4 * few)]
    assert costs[1] <= GROWTH * costs[0]


def test_a_picture_of_too_many_edges_says_so_before_it_costs_anything() -> None:
    shown = draw(over_all(200))
    assert "No picture" not in shown
    document = over_all(800)
    assert calls_of(lambda: draw(document)) < calls_of(lambda: draw(over_all(30)))
    assert "No picture: the 839 edges cross too many steps to be followed." in draw(document)


def lists(count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two lists of few values, in another order."""
    return {"k": [n % 100 for n in range(count)]}, {"k": [n * 37 % 100 for n in range(count)]}


def edges(count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two definitions all of whose edges differ."""
    return tuple(  # type: ignore[return-value] # of two
        {"edges": [{"from": f"{side}{n}", "to": "z"} for n in range(count)]} for side in "ab"
    )


@pytest.mark.parametrize("versions", [lists, edges])
def test_a_comparison_costs_in_proportion_to_its_versions(versions: Any) -> None:
    costs = [lines_of(partial(compared, *versions(count))) for count in (1_000, 4_000)]
    assert costs[1] <= GROWTH * costs[0]


def test_a_comparison_shows_a_bounded_part() -> None:
    found = compared(*edges(3_000))
    assert len(found["changes"]) == 201
    assert found["changes"][-1] == "And 5800 more changes."
    assert len(found["lines"]) == 2_001
    assert found["lines"][-1]["text"].startswith("And ")


def test_a_comparison_shows_what_has_changed_and_what_stands_around_it() -> None:
    before = {"name": "a", "steps": [{"id": f"s{n}"} for n in range(9)]}
    after = {"name": "a", "steps": [{"id": f"s{n}"} for n in range(9) if n != 4]}
    lines = [line["mark"] + line["text"].strip() for line in compared(before, after)["lines"]]
    assert lines == [
        "@From line 14", ' "id": "s3"', " },", " {",
        '-"id": "s4"', "-},", "-{",
        ' "id": "s5"', " },", " {",
    ]  # fmt: skip


def applied(old: Sequence[str], new: Sequence[str], blocks: Sequence[Block]) -> list[str]:
    made: list[str] = []
    at = 0
    for block in blocks:
        made += [*old[at : block.old], *new[block.new : block.new_end]]
        at = block.old_end
    return [*made, *old[at:]]


def test_differences_lead_from_one_text_to_the_other() -> None:
    chance = random.Random(7)
    for number in range(300):
        old = chance.choices("abcdef123", k=chance.randrange(30))
        new = list(old) if number % 2 else chance.choices("abcdef123", k=chance.randrange(30))
        for _ in range(3):
            new.insert(chance.randrange(len(new) + 1), chance.choice("axyz"))
        blocks = differences(old, new)
        assert applied(old, new, blocks) == new
        if number % 2:  # three lines were added, and no more is said to have changed
            assert sum(block.new_end - block.new for block in blocks) == 3


def test_a_workflow_that_is_too_large_says_so_in_the_place_of_its_picture() -> None:
    assert draw(chain(300, [])).count("<rect") >= 300
    assert "No picture: of 301 steps, more than 300 are not drawn." in draw(chain(301, []))
