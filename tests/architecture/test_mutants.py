"""`make mutate` changes one small thing at a time, and nothing without influence on behaviour."""

import ast
from pathlib import Path

import pytest

from scripts.mutants import enumerations, mutants

ROOT = Path(__file__).parents[2]
COLOURS = {"Colour": ["RED", "GREEN", "BLUE"]}


def changed(source: str) -> list[str]:
    """Return the bodies of a module's mutants, each on one line."""
    return ["; ".join(mutant.source.splitlines()) for mutant in mutants(source, COLOURS)]


@pytest.mark.parametrize(("source", "expected"), [
    ("x = a < b", ["pass", "x = a <= b", "x = a >= b"]),
    ("x = a is b", ["pass", "x = a is not b"]),
    ("x = a and b", ["pass", "x = a or b", "x = b", "x = a"]),
    ("x = not a", ["pass", "x = a"]),
    ("x = a + b", ["pass", "x = a - b"]),
    ("x = 7", ["pass", "x = 8", "x = 6"]),
    ("x = True", ["pass", "x = False"]),
    ("x = 'a'", ["pass", "x = 'a~'"]),
    ("x = f'a{b}'", ["pass", "x = f'a~{b}'", "x = f'a'"]),
    ("x = Colour.BLUE", ["pass", "x = Colour.RED"]),
    ("x = (a, b)", ["pass", "x = (b,)", "x = (a,)"]),
    ("x = {a: b, **c}", ["pass", "x = {**c}", "x = {a: b}"]),
    ("f(a, b=c)", ["pass", "f(a)"]),
    ("f(min(a, b))", ["pass", "f(max(a, b))"]),
    ("x = lambda a: a", ["pass", "x = lambda a: None"]),
    ("raise Broken", ["pass"]),
    ("if a:\n    f()", ["if True:;     f()", "if False:;     f()", "if a:;     pass"]),
    ("match a:\n    case B() | C():\n        f()", [
        "match a:;     case C():;         f()", "match a:;     case B():;         f()",
        "match a:;     case B() | C():;         pass",
    ]),
    ("try:\n    f()\nexcept E:\n    pass", ["try:;     pass; except E:;     pass", "try:;     f(); except ():;     pass"]),
    ("def f():\n    return a", ["def f():;     return None"]),
])  # fmt: skip
def test_every_small_change_is_made(source: str, expected: list[str]) -> None:
    assert changed(source) == expected


@pytest.mark.parametrize("source", [
    '"""Says what it is."""', "import a", "from a import b", "assert a > 1", "__all__ = ['a']",
    "X: TypeAlias = 'a | b'", "def f(a: int | None) -> tuple[int, ...]:\n    pass",
    "def f():\n    return None",
])  # fmt: skip
def test_code_without_influence_is_not_mutated(source: str) -> None:
    assert changed(source) == []


def test_each_mutant_has_a_name_of_its_own_and_compiles() -> None:
    sources = [(ROOT / "engine" / f"{name}.py").read_text() for name in ("graph", "retry", "route")]
    members = enumerations(sources)
    assert members["OnInterrupted"] == ["RETRY", "FAIL", "ASK"]
    for source in sources:
        made = list(mutants(source, members))
        assert len(made) > 30
        assert len({mutant.name for mutant in made}) == len(made)
        for mutant in made:
            ast.parse(mutant.source)
