"""Pages derived from the code: the state diagram matches the transitions, the log page the log."""

import inspect
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from app.telemetry import log, log_output
from engine import TRANSITIONS, State
from scripts import observability_page, runs_page

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "runs.md").read_text()


def drawn(page: str) -> set[tuple[str, str, str]]:
    """Return the transitions in a diagram; those of a box count for each state in it."""
    arrows = re.findall(r"^    (\S+) --> (\S+) : (.+)$", page, re.MULTILINE)
    return {
        (str(start), target, event)
        for source, target, events in arrows
        for event in events.split(", ")
        for start in runs_page.GROUPS.get(source, [source.replace("[*]", "new")])
    }


def rows_of(page: str) -> set[tuple[str, str, str]]:
    """Return the transitions that the page lists as not drawn."""
    names = re.findall(r"`(\w+)`", re.findall(r"^Not drawn: (.+),", page, re.MULTILINE)[0])
    return {(str(state), str(state), name) for name in names for state in runs_page.LIVE}


def test_the_diagram_shows_exactly_the_transitions_of_the_table() -> None:
    moves = {(str(a), str(b), event.__name__) for (a, event), b in TRANSITIONS.items()}
    assert drawn(PAGE) | rows_of(PAGE) == moves
    assert drawn(PAGE) & rows_of(PAGE) == set()
    boxes = re.search(r"state live \{(.*?)\n    \}", PAGE, re.DOTALL)
    assert boxes is not None
    assert {word for word in boxes[1].split() if word in set(State)} == set(runs_page.LIVE)
    outside = boxes[1].partition("state in_step {")[0].split()
    assert outside == [state for state in runs_page.LIVE if state not in runs_page.IN_STEP]


def test_a_missing_arrow_is_found() -> None:
    less = PAGE.replace("    live --> terminated : RunTerminated\n", "")
    assert len(drawn(PAGE)) - len(drawn(less)) == len(runs_page.LIVE)


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, set[str]]]:
    """Return what is logged: level, text and field names."""
    lines: list[tuple[str, str, set[str]]] = []

    class Keeping:
        def __getattr__(self, level: str) -> Any:
            return lambda text, **fields: lines.append((level, text, set(fields)))

    for module in observability_page.LOGGING:
        monkeypatch.setattr(module, "_log", Keeping())
    return lines


def test_the_page_lists_every_line_of_the_log(
    logged: list[tuple[str, str, set[str]]],
) -> None:
    """Call every public function of the log; the page has the line that it wrote."""
    functions = [
        function
        for name, function in vars(log).items()
        if inspect.isfunction(function) and function.__module__ == log.__name__
        if not name.startswith("_")
    ]
    for function in functions:
        function(*map(_value, inspect.signature(function).parameters))
    log_output._Forward().emit(logging.LogRecord("lib", logging.WARNING, "", 0, "text", None, None))
    listed = {
        (line.level, line.text, frozenset(line.fields))
        for line in observability_page.all_log_lines()
    }
    wrote = {
        (level, text, frozenset(name.replace("exc_info", "exception") for name in fields))
        for level, text, fields in logged
    }
    assert len(wrote) > 30
    assert listed == wrote


def _value(parameter: str) -> Any:
    return ValueError("why") if parameter in ("failure", "why", "crash") else 1


def test_every_line_is_described() -> None:
    lines = observability_page.all_log_lines()
    assert [line.text for line in lines if len(line.meaning) < 10] == []
    source = 'def f():\n    """Log that it is so."""\n    _log.info("so", a=1, exc_info=e)\n    other.info("x")'
    (line,) = observability_page.log_lines(source)
    assert line == observability_page.LogLine("so", "info", ("a", "exception"), "It is so.")
