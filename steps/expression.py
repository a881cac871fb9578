"""Expressions: Jinja expressions, evaluated by MiniJinja with bounded cost.

Source: https://docs.rs/minijinja/latest/minijinja/syntax/index.html
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from minijinja import Environment, TemplateError

from engine import ConditionFailed, Json
from steps.filters import FILTERS, begin
from steps.frozen import FrozenDict, frozen_once, thaw

SCOPE = frozenset(
    {
        "data",
        "steps",
        "context",
        "run",
        "error",
        "item",
        "index",
        "inputs",
        "response",
        "result",
    }
)
"""The names that expressions may use; which of them exist depends on the place."""

SECRETS_BELONG = (
    "secrets may be named only where a step calls out: in url, headers, query, body, form, "
    "multipart, text and auth of call-api, and in inputs of call-tool"
)
"""What is said where an expression names a secret and may not."""

_SECRET = re.compile(r"secrets\.([A-Za-z_][A-Za-z0-9_]{0,127})")
_WORD = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_SECRETS_WORD = re.compile(r"(?<![\w.])secrets\b(?:\.(\w+))?(?!\s*=(?!=))")
_WHOLE = "a secret is named as secrets.NAME, and used whole; nothing else of secrets can be named"
_HIDDEN = "it names a secret, so the reason is not shown"
_FUNCTIONS = frozenset({"range", "dict"})
_LONGEST = 4_096
_FUEL = 100_000
_LARGEST_RESULT = 1_000_000
_LARGEST_INTEGER = 2**63
_NO_LISTS = (
    "an expression that multiplies must give a number or a text; "
    "build lists and objects from several placeholders"
)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")


class ExpressionError(Exception):
    """An expression that does not compile, or that could not be evaluated."""

    def __init__(self, text: str, why: str) -> None:
        self.text = text
        super().__init__(f"the expression {text!r} failed: {why}")


def _new_environment() -> Environment:
    return Environment(
        filters=FILTERS, fuel=_FUEL, undefined_behavior="strict", pycompat=False, debug=False
    )


_environment = _new_environment()
_checker = _new_environment()
"""For checking only, which may happen in another thread than evaluating does: an environment
is locked while it is used, and an evaluation that calls a filter gives the interpreter away."""


class Expression:
    """One compiled expression."""

    __slots__ = ("multiplies", "names", "secrets", "text")

    def __init__(self, text: str, *, may_name_secrets: bool = False) -> None:
        """Check the syntax and the names. Raises `ExpressionError`."""
        self.text = text.strip()
        if not self.text or len(self.text) > _LONGEST:
            raise ExpressionError(self.text[:80], f"it must have 1 to {_LONGEST} characters")
        if "{%" in text or "%}" in text or "{#" in text:
            raise ExpressionError(self.text, "statements and comments are not part of the language")
        try:
            # Both forms: brackets that close each other's, or a `}}`, pass in one of them only.
            _checker.add_template("check", "{{ " + self.text + "\n }}")
            source = "{{ (" + self.text + "\n) }}"
            _checker.add_template("check", source)
            paths = _checker.undeclared_variables_in_str(source, nested=True)
        except TemplateError as wrong:
            raise ExpressionError(self.text, _why(wrong)) from None
        unquoted = _QUOTED.sub("", self.text)
        self.multiplies = "*" in unquoted
        # MiniJinja tells no names inside a slice, such as `data.list[:2]`.
        sliced = SCOPE.intersection(_WORD.findall(unquoted))
        self.names = sliced.union(path.partition(".")[0] for path in paths)
        self.secrets = _secrets_in(paths)
        words = {match[1] for match in _SECRETS_WORD.finditer(unquoted)}
        if (words or "secrets" in self.names) and not may_name_secrets:
            raise ExpressionError(self.text, SECRETS_BELONG)
        if words != self.secrets:
            raise ExpressionError(self.text, _WHOLE)
        if unknown := sorted(self.names - SCOPE - _FUNCTIONS - {"secrets"}):
            known = ", ".join(sorted(SCOPE))
            raise ExpressionError(self.text, f"{unknown[0]} is not a known name; known are {known}")

    def evaluate(self, scope: Mapping[str, Json]) -> Json:
        """Return the value in `scope`. Raises `ExpressionError`."""
        shown = self.names - {"secrets"}
        given = {name: frozen_once(scope[name]) for name in shown if name in scope}
        if self.secrets:
            given["secrets"] = FrozenDict(_of_expression(self.secrets, scope))
        begin()
        try:
            # MiniJinja repeats a list lazily and without fuel; handing it over would not end.
            if self.multiplies and not _environment.eval_expr(_is_scalar(self.text), **given):
                raise ExpressionError(self.text, _NO_LISTS)
            value = _environment.eval_expr(self.text, **given)
            if value is None and _environment.eval_expr(f"({self.text}\n) is undefined", **given):
                raise ExpressionError(self.text, _missing(self.names, scope))
            return _bounded(thaw(value))
        except ExpressionError:
            raise
        except (
            TemplateError, ArithmeticError, AttributeError, RecursionError, TypeError, ValueError,
        ) as wrong:  # fmt: skip
            # MiniJinja's messages may quote a value.
            raise ExpressionError(self.text, _HIDDEN if self.secrets else _why(wrong)) from None


def condition(text: str) -> Callable[[Mapping[str, Json]], bool]:
    """Compile an edge's condition; an outer `{{ }}` is tolerated. Raises `ExpressionError`."""
    bare = text.strip()
    if bare.startswith("{{") and bare.endswith("}}"):
        bare = bare[2:-2]
    expression = Expression(bare)

    def holds(scope: Mapping[str, Json]) -> bool:
        try:
            return bool(expression.evaluate(scope))
        except ExpressionError as failed:
            raise ConditionFailed(str(failed)) from None

    return holds


def _secrets_in(paths: Iterable[str]) -> frozenset[str]:
    """Return the secrets that an expression names; MiniJinja sees none behind brackets."""
    return frozenset(match[1] for path in paths if (match := _SECRET.fullmatch(path)))


def _of_expression(names: frozenset[str], scope: Mapping[str, Json]) -> dict[str, Json]:
    held = scope.get("secrets")
    return {name: held[name] for name in names if name in held} if isinstance(held, dict) else {}


def _is_scalar(text: str) -> str:
    kinds = ("number", "string", "boolean", "none", "undefined")
    return " or ".join(f"(({text}\n) is {kind})" for kind in kinds)


def _missing(names: frozenset[str], scope: Mapping[str, Json]) -> str:
    absent = ", ".join(sorted(name for name in names - _FUNCTIONS if name not in scope))
    what = f"{absent} does not exist here" if absent else "the name does not exist"
    return f"{what}; ask first with `is defined` or `default()`"


def _why(wrong: Exception) -> str:
    text = str(wrong).partition("\n")[0].partition(" (in ")[0]
    if "undefined value" in text:
        return "a name does not exist; ask first with `is defined` or `default()`"
    return text.replace("engine ran out of fuel", "it takes too many operations")


def _bounded(value: Json) -> Json:
    """Refuse results that no journal should hold; `value` is plain JSON."""
    size = 0
    todo: list[Iterable[Any]] = [[value]]
    while todo:
        for item in todo.pop():
            kind = type(item)
            size += len(item) if kind is str else 1
            if kind is dict:
                todo.append(item.values())
            elif kind is list:
                todo.append(item)
            elif kind is float and not math.isfinite(item):
                raise ValueError("its result is not a finite number")
            elif kind is int and abs(item) >= _LARGEST_INTEGER:
                raise ValueError("its result is a number beyond 64 bits")
        if size > _LARGEST_RESULT:
            raise ValueError("its result is too large")
    return value
