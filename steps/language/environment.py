"""MiniJinja with the words of the language: its filters, tests and checked operations."""

from collections.abc import Callable, Mapping
from functools import cache, cached_property, partial
from threading import local
from typing import Any

from steps.language.catalogue import ORDERING_TESTS
from steps.language.catalogue import TESTS as TEST_WORDS
from steps.language.equality import different, same
from steps.language.filters.offered import FILTERS, TESTS
from steps.language.frozen import freeze
from steps.language.operands import (
    each_ready,
    figure,
    having,
    of_clear_kind,
    one_kind,
    ready,
    separator,
    text_at,
    texts,
    whole,
)
from steps.language.operations import (
    ABSENT,
    at,
    at_or,
    compare,
    has,
    is_in,
    method,
    multiply,
    ordered,
)
from steps.language.work import FUEL

_CHECKED: dict[str, Callable[..., Any]] = {
    "_compare": compare,
    "_multiply": multiply,
    "_method": method,
    "_has": has,
    "_at": at,
    "_text_at": text_at,
    "_figure": figure,
    "_at_or": at_or,
    "_one_kind": one_kind,
    "_ready": ready,
    "_each_ready": each_ready,
    "_having": having,
    "_texts": texts,
    "_of_clear_kind": of_clear_kind,
    "_whole": whole,
    "_separator": separator,
}
"""The functions that only generated expressions call; no expression of an author can name them."""
_SAMENESS = {"eq": same, "ne": different, "in": is_in}


def _names_of(test: str) -> tuple[str, ...]:
    return (test, *TEST_WORDS[test].also)


def _made() -> Any:
    from minijinja import Environment

    return Environment(
        filters=FILTERS,
        tests={
            name: partial(_ordered_as, sign)
            for sign, names in ORDERING_TESTS.items()
            for name in (sign, *names)
        }
        | {name: test for known, test in _SAMENESS.items() for name in _names_of(known)}
        | TESTS,
        globals={name: partial(_frozen, call) for name, call in _CHECKED.items()}
        | {"_absent": ABSENT},
        fuel=FUEL,
        undefined_behavior="strict",
        pycompat=False,
        debug=False,
    )


def _frozen(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    return freeze(call(*arguments, **named))


def _ordered_as(sign: str, value: object, other: object) -> bool:
    return ordered(value, sign, other)


class _Evaluating(local):
    """The MiniJinja environment of a thread, locked during an evaluation.

    An evaluation that calls a filter releases the interpreter, so another one may begin.
    """

    @cached_property
    def environment(self) -> Any:
        return _made()


here = _Evaluating()
"""The environment of the current thread."""


def render(source: str, given: Mapping[str, Any]) -> None:
    """Render a template that is generated here. Raises the errors of MiniJinja."""
    here.environment.render_str(source, **given)


@cache
def checker() -> Any:
    """Return an environment that only checks expressions."""
    return _made()
