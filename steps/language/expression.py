"""Jinja expressions, evaluated by MiniJinja with bounded cost.

Source: https://docs.rs/minijinja/latest/minijinja/syntax/index.html
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from engine import Json, iso_time
from steps.language.allowance import (
    CHARACTERS_A_UNIT,
    Allowance,
    TooMuchWork,
    open_allowance,
    units_of_text,
)
from steps.language.beside import beside, is_long
from steps.language.catalogue import FILTERS as CATALOGUE
from steps.language.catalogue import FUNCTIONS
from steps.language.direct import Direct
from steps.language.environment import checker, here
from steps.language.filters.offered import begin
from steps.language.findings.foreign import foreign_hint, foreign_name_hint
from steps.language.findings.words import hyphen_hint
from steps.language.frozen import freeze, frozen_here, thaw
from steps.language.nearest import did_you_mean
from steps.language.reasons import NOTHING, why
from steps.language.syntax.nodes import Call, Name, Node, Slice, is_now, walk
from steps.language.syntax.parser import parse
from steps.language.syntax.paths import missing_in, paths_of
from steps.language.syntax.reads import part_of, parts_of, reads_of
from steps.language.syntax.source import source_of
from steps.language.syntax.tokens import Unreadable
from steps.language.work import Work

SCOPE = frozenset(
    {
        "data", "steps", "constants", "context", "run", "error", "item", "index", "inputs",
        "outcome", "arguments", "response", "result", "schedule", "signal", "signals",
        "startedBy", "step", "vars",
    }
)  # fmt: skip
"""The names that expressions may use; which of them exist depends on the place."""

AT_PLACES = frozenset({"pause", "message", "output", "request"})
"""Names of notices, guards and triggers, which their templates allow by themselves."""

SECRETS_BELONG = (
    "secrets may be named only where a step calls out: in url, headers, query, body, form, "
    "multipart, text and auth of call-api, in inputs of call-tool, in headers of call-llm and "
    "call-agent, and in notify"
)
"""The message for an expression that names a secret where that is not allowed."""

LATER: Any = object()
"""Stands for a value that still has to be computed."""

_SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_WHOLE = "a secret is named as secrets.NAME, and used whole; nothing else of secrets can be named"
_HIDDEN = "it names a secret, so the reason is not shown"
_LONGEST = 4_096
_LARGEST_RESULT = 1_000_000


class ExpressionError(Exception):
    """An expression that does not compile, or that could not be evaluated.

    Attributes:
        text: The expression.
    """

    def __init__(self, text: str, why: str) -> None:
        """Create the error.

        Args:
            text: The expression.
            why: What is wrong and how to fix it; free of secrets.
        """
        self.text = text
        super().__init__(f"the expression {text!r} failed: {why}")


class Expression:
    """One compiled expression.

    Attributes:
        node: Its syntax tree.
        paths: The paths that it reads.
        names: The names that it uses.
        secrets: The secrets that it names.
        source: The text that MiniJinja evaluates.
        tells_time: Whether it calls `now()`.
        work: Its estimated cost.
    """

    __slots__ = (
        "_direct", "_reads", "names", "node", "paths", "secrets", "source", "tells_time", "text",
        "work",
    )  # fmt: skip

    def __init__(
        self, text: str, *, may_name_secrets: bool = False, also: frozenset[str] = frozenset()
    ) -> None:
        """Check the syntax and the names; `also` are allowed too. Raises `ExpressionError`."""
        self.text = text.strip()
        if not self.text or len(self.text) > _LONGEST:
            raise ExpressionError(self.text[:80], f"it must have 1 to {_LONGEST} characters")
        if "{%" in text or "%}" in text or "{#" in text:
            raise ExpressionError(self.text, "statements and comments are not part of the language")
        try:
            self.node = parse(self.text)
            nodes = walk(self.node)
            self.source = source_of(nodes)
            checker().add_template("check", "{{ (" + self.source + "\n) }}")
        except (RuntimeError, Unreadable) as wrong:  # MiniJinja's failures are of the former kind
            hint = foreign_hint(self.text)
            raise ExpressionError(self.text, f"{why(wrong)}{hint}") from None
        if (function := _uncalled(nodes)) is not None:
            raise ExpressionError(
                self.text, f"{function} is a function; call it as {function}(...)"
            )
        self.paths = [path for path in paths_of(self.node) if path.root not in FUNCTIONS]
        self.names = frozenset(path.root for path in self.paths)
        self.secrets = self._named_secrets(nodes, may_name_secrets=may_name_secrets)
        self.work = Work(nodes)
        self.tells_time = any(is_now(node) for node in nodes)
        named = self.names - {"secrets"}
        self._reads = reads_of(path for path in self.paths if path.root in named)
        self._direct = None if self.secrets else Direct.of(self.node, len(nodes))
        if unknown := sorted(self.names - SCOPE - also - {"secrets"}):
            name = unknown[0]
            hint = foreign_name_hint(name, CATALOGUE) or did_you_mean(name, SCOPE | also)
            if "; known are" in hint:
                hint = f"; a value of the run's data is data.{name}, a text stands in quotes{hint}"
            message = hyphen_hint(self.node, SCOPE) or f"{name} is not a known name{hint}"
            raise ExpressionError(self.text, message)

    def _named_secrets(self, nodes: Sequence[Node], *, may_name_secrets: bool) -> frozenset[str]:
        named = [path for path in self.paths if path.root == "secrets"]
        if not named:
            return frozenset()
        cut = any(isinstance(node, Slice) and "secrets" in _roots(node) for node in nodes)
        if not may_name_secrets:
            raise ExpressionError(self.text, SECRETS_BELONG)
        names = {str(path.keys[0]) for path in named if len(path.keys) == 1 and path.dotted}
        whole = len(names) == len({path.keys for path in named})
        if cut or not whole or not all(map(_SECRET_NAME.fullmatch, names)):
            raise ExpressionError(self.text, _WHOLE)
        return frozenset(names)

    def reads_whole(self, name: str) -> bool:
        """Return whether it may read all of a name, not only known entries of it."""
        return self._reads.get(name, {}) is None

    def evaluate(self, scope: Mapping[str, Json]) -> Json:
        """Return the value in `scope`. Raises `ExpressionError`."""
        value = self.directly(scope)
        return value if value is not LATER else self._at_once(scope)

    async def evaluated(self, scope: Mapping[str, Json]) -> Json:
        """Do the same as `evaluate`, without blocking the event loop if it takes long."""
        value = self.directly(scope)
        return value if value is not LATER else await self.at_length(scope)

    def directly(self, scope: Mapping[str, Json]) -> Any:
        """Return the value if it is simple, or else `LATER`. Raises `ExpressionError`."""
        found = None if self._direct is None else self._direct.evaluate(scope)
        if found is None:
            return LATER
        allowance = open_allowance.get()
        if allowance is not None:  # one alone has enough for all that is simple
            try:
                allowance.spend(found[1])
            except TooMuchWork as spent:
                raise ExpressionError(self.text, why(spent)) from None
        return found[0]

    async def at_length(self, scope: Mapping[str, Json]) -> Json:
        """Do the same as `evaluated` for a value that is not simple."""
        if self.is_long(scope):
            return await beside(partial(self._at_once, scope))
        given = self.given(scope)
        units = self.work.in_scope(given)
        if units <= self.work.long:
            return self._of(given, units)
        return await beside(partial(self._of, given, units))

    def _at_once(self, scope: Mapping[str, Json]) -> Json:
        given = self.given(scope)
        return self._of(given, self.work.in_scope(given))

    def is_long(self, scope: Mapping[str, Json]) -> bool:
        """Return whether it reads so much of a scope that it should not block the event loop."""
        parts: list[Json] = []
        for name, reads in self._reads.items():
            parts += parts_of(scope.get(name), reads)
        return bool(parts) and is_long(parts)

    def _of(self, given: Mapping[str, Any], units: int) -> Json:
        """Return the value for the parts of the scope that it reads; it costs at most `units`."""
        allowance = open_allowance.get() or Allowance()
        if not self.work.is_plain:
            begin()
        try:
            allowance.spend(units)
            value = here.environment.eval_expr(self.source, **given)
            if value is None and self._is_undefined(given):
                raise ExpressionError(self.text, self._missing(given))
            value, size = checked_result(value)
            allowance.spend(size)
        except ExpressionError:
            raise
        except (
            ArithmeticError, AttributeError, RuntimeError, TypeError, ValueError,
        ) as wrong:  # fmt: skip
            # MiniJinja's messages may quote a value.
            reason = _HIDDEN if self.secrets else self._why(wrong, given)
            raise ExpressionError(self.text, reason) from None
        return value

    def given(self, scope: Mapping[str, Json]) -> dict[str, Any]:
        """Return the part of a scope that MiniJinja receives: frozen, and only what is read."""
        frozen = frozen_here()
        given = {}
        for name, reads in self._reads.items():
            part = scope.get(name, LATER)
            if part is not LATER:
                given[name] = part_of(part, reads, frozen.of)
        if self.secrets:
            given["secrets"] = freeze(_of_expression(self.secrets, scope))
        if self.tells_time:
            given["now"] = _now(self.text, scope)
        return given

    def _is_undefined(self, given: Mapping[str, Any]) -> bool:
        found: bool = here.environment.eval_expr(f"({self.source}\n) is undefined", **given)
        return found

    def _missing(self, given: Mapping[str, Any]) -> str:
        absent = next(missing_in(self.paths, given), None)
        if absent is None:
            return NOTHING
        where = " here" if not absent.keys else ""
        is_length = absent.keys[-1:] == ("length",)
        habit = "; its length is `| length`" if is_length else ""
        return f"{absent} does not exist{where}{habit}; ask first with `is defined` or `default()`"

    def _why(self, wrong: Exception, given: Mapping[str, Any]) -> str:
        """Return why it failed; in comparisons, missing values appear as null."""
        of_null = isinstance(wrong, ValueError) and "null" in str(wrong)
        if (of_null or "undefined" in str(wrong)) and any(missing_in(self.paths, given)):
            return self._missing(given)
        if "undefined value" in str(wrong):
            return "a value in it does not exist; ask first with `is defined` or `default()`"
        return why(wrong)


_read: ContextVar[dict[tuple[str, frozenset[str]], Expression] | None] = ContextVar(
    "read", default=None
)


@contextmanager
def reading_once() -> Iterator[None]:
    """Parse each expression only once inside, however often it is used."""
    token = _read.set({})
    try:
        yield
    finally:
        _read.reset(token)


def expression_of(
    text: str, *, may_name_secrets: bool = False, also: frozenset[str] = frozenset()
) -> Expression:
    """Return the expression of a text, which may have been parsed before."""
    read, key = _read.get(), (text.strip(), also)
    known = read.get(key) if read is not None else None
    if known is None or (known.secrets and not may_name_secrets):
        known = Expression(text, may_name_secrets=may_name_secrets, also=also)
        if read is not None:
            read[key] = known
    return known


def _now(text: str, scope: Mapping[str, Json]) -> str:
    now_ms = scope.get("now")
    if not isinstance(now_ms, int):
        raise ExpressionError(text, "there is no now() here")
    return iso_time(now_ms)


def _uncalled(nodes: Sequence[Node]) -> str | None:
    """Return the name of a function that stands for a value."""
    called = {id(node.callee) for node in nodes if isinstance(node, Call)}
    names = (node for node in nodes if isinstance(node, Name) and id(node) not in called)
    return next((node.name for node in names if node.name in FUNCTIONS), None)


def _roots(node: Node) -> set[str]:
    return {path.root for path in paths_of(node)}


def bare_condition(text: str) -> str:
    """Return a condition without the surrounding `{{ }}`, which are tolerated."""
    bare = text.strip()
    return bare[2:-2] if bare.startswith("{{") and bare.endswith("}}") else bare


def _of_expression(names: frozenset[str], scope: Mapping[str, Json]) -> dict[str, Json]:
    held = scope.get("secrets")
    return {name: held[name] for name in names if name in held} if isinstance(held, dict) else {}


def checked_result(value: Any) -> tuple[Json, int]:
    """Return an expression's result as plain JSON, and its cost in units.

    Raises:
        TypeError: It is not a JSON value.
        ValueError: It is too large, or not finite.
    """
    kind = type(value)
    if value is None or kind is bool or kind is int:
        return value, 1
    if kind is str and len(value) <= _LARGEST_RESULT:
        return value, units_of_text(value)
    plain = thaw(value)
    return plain, _size_of_result(plain)


def _size_of_result(value: Json) -> int:
    """Return the size of a result in units. Raises `ValueError` if the journal cannot hold it."""
    values = characters = 0
    todo: list[Iterable[Any]] = [[value]]
    while todo:
        for item in todo.pop():
            kind = type(item)
            values += 1
            if kind is str:
                characters += len(item)
            elif kind is dict:
                todo.append(item.values())
            elif kind is list:
                todo.append(item)
            elif kind is float and not math.isfinite(item):
                raise ValueError("its result is not a finite number")
        if max(values, characters) > _LARGEST_RESULT:
            raise ValueError("its result is too large")
    return values + characters // CHARACTERS_A_UNIT
