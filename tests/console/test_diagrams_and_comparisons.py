"""Pictures and comparisons cost work in proportion to their size, or are refused early."""

import random
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from app.web.console.definitions.compare import compared
from app.web.console.definitions.line_differences import Block, differences
from app.web.console.diagram.graph import Inside, Route, StepCounts, StepState, draw
from tests.console.test_size import boxes
from tests.harness.counted_work import calls_of, lines_of

GROWTH = 5.5
"""The allowed growth for 4 times the input: linear 4, with sorting a little more, quadratic 16."""


def chain(steps: int, edges: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Return a chain of steps with these additional edges."""
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
def test_a_picture_costs_in_proportion_to_its_edges(shape: Any, few: int) -> None:
    costs = [calls_of(partial(draw, shape(count))) for count in (few, 4 * few)]
    assert costs[1] <= GROWTH * costs[0]


def test_a_picture_with_too_many_edges_is_refused_early() -> None:
    shown = draw(over_all(200))
    assert "No picture" not in shown
    document = over_all(800)
    assert calls_of(lambda: draw(document)) < calls_of(lambda: draw(over_all(30)))
    assert "No picture: the 839 edges cross too many steps to be followed." in draw(document)


def lists(count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two lists of the same few values, in different order."""
    return {"k": [n % 100 for n in range(count)]}, {"k": [n * 37 % 100 for n in range(count)]}


def edges(count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two definitions that have no edge in common."""
    return tuple(  # type: ignore[return-value] # of two
        {"edges": [{"from": f"{side}{n}", "to": "z"} for n in range(count)]} for side in "ab"
    )


@pytest.mark.parametrize("versions", [lists, edges])
def test_a_comparison_costs_in_proportion_to_its_versions(versions: Any) -> None:
    costs = [lines_of(partial(compared, *versions(count))) for count in (1_000, 4_000)]
    assert costs[1] <= GROWTH * costs[0]


def test_a_comparison_shows_a_limited_part() -> None:
    found = compared(*edges(3_000))
    assert len(found["changes"]) == 201
    assert found["changes"][-1] == "And 5800 more changes."
    assert len(found["lines"]) == 2_001
    assert found["lines"][-1]["text"].startswith("And ")


def test_a_comparison_shows_changes_with_their_context() -> None:
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


def test_differences_turn_one_text_into_the_other() -> None:
    chance = random.Random(7)
    for number in range(300):
        old = chance.choices("abcdef123", k=chance.randrange(30))
        new = list(old) if number % 2 else chance.choices("abcdef123", k=chance.randrange(30))
        for _ in range(3):
            new.insert(chance.randrange(len(new) + 1), chance.choice("axyz"))
        blocks = differences(old, new)
        assert applied(old, new, blocks) == new
        if number % 2:  # three lines were added, so no more may be reported
            assert sum(block.new_end - block.new for block in blocks) == 3


def test_a_picture_of_a_thousand_steps_shows_a_part_of_them_and_costs_in_proportion() -> None:
    document = chain(1_000, [(n, n + 30) for n in range(0, 960, 7)])
    svg = draw(document, {"s700": StepState("failed", 1)}, Route(here={"visit": "9"}))
    assert svg.count("data-step=") == 50 + 19
    assert 'data-step="s700"' in svg, "the part of what failed is open"
    assert 'href="?visit=9&amp;part=3"' in svg
    assert "part=3" in draw(document, None, Route(here={}))
    assert 'data-step="s150"' in draw(document, None, Route(here={"part": "3"}))
    assert len(svg) < 90_000
    costs = [calls_of(partial(draw, chain(count, []))) for count in (250, 1_000)]
    assert costs[1] <= GROWTH * costs[0]


def body(*ids: str) -> dict[str, Any]:
    return {"steps": [{"id": name, "type": "set"} for name in ids], "edges": [{"from": a, "to": b} for a, b in pairwise(ids)]}  # fmt: skip


def test_bodies_are_drawn_inside_their_steps_without_overlap() -> None:
    group = {"id": "g", "type": "group", **body("x", "y", "z")}
    document = {"initialStep": "a", "steps": [{"id": "a", "type": "parallel", "branches": {"l": body("b", "c"), "r": {"steps": [group]}}},
                {"id": "e", "type": "end-flow"}, {"id": "f", "type": "end-flow"}], "edges": [{"from": "a", "to": "e"}, {"from": "a", "to": "f"}]}  # fmt: skip
    shut = draw(document, None, Route(here={}))
    assert "?open=a" in shut
    assert 'data-step="b"' not in shut
    inside = {"a/l": Inside({"b": StepState("failed", 1)}), "a/r": Inside(counts={"g": StepCounts(3, 2)})}  # fmt: skip
    svg = draw(document, None, Route(here={"open": "a"}, opened=frozenset({"a"}), inside=inside))
    assert "state-failed" in svg
    assert "3 here, 2 failed" in svg
    assert "?open=a%2Ca%2Fr%2Fg" in svg, "steps inside a body open too"
    deep = draw(document, None, Route(here={}, opened=frozenset({"a", "a/r/g"})))
    assert [name for name in "abcefgxyz" if f'data-step="{name}"' not in deep] == []
    places = list(boxes(draw(document, None, Route(opened=frozenset({"a", "a/r/g"})))).items())
    outer = {name: place for name, place in places if name in "aef"}
    (_, ay, width, height), (_, ey, *_) = outer["a"], outer["e"]
    assert width > 2 * 228
    assert ey > ay + height
