"""Templates: JSON values whose strings may hold `{{ expression }}`."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from engine import Json
from steps.language.allowance import open_allowance
from steps.language.expression import AT_PLACES, LATER, Expression, ExpressionError, expression_of

_PLAIN = frozenset({bool, int, float, str, type(None)})


class Template:
    """A compiled JSON value; a string that is a single placeholder keeps the value's type."""

    __slots__ = (
        "_compiled", "_expressions", "_is_one", "is_constant", "may_be_object", "secrets", "source",
    )  # fmt: skip
    may_name_secrets: ClassVar[bool] = False

    def __init__(self, source: Json, *, also: frozenset[str] = frozenset()) -> None:
        """Compile every string in a JSON value.

        Args:
            source: The value; its strings may hold `{{ expression }}`.
            also: The names that expressions may use beside those of every step.

        Raises:
            ExpressionError: An expression is not valid.
        """
        self.source = source
        found: set[str] = set()
        expression = partial(_expression, self.may_name_secrets, also, found)
        self._compiled = _compile(source, expression)
        self._expressions = tuple(_expressions(self._compiled))
        self._is_one = isinstance(self._compiled, Expression)
        self.secrets = frozenset(found)
        """The secrets that its expressions name."""
        self.is_constant = isinstance(self._compiled, bool | int | float | str | None)
        """Whether it is one value without nested ones."""
        self.may_be_object = isinstance(self._compiled, dict | Expression)
        """Whether it is an object, or one placeholder that may give one."""

    def render(self, scope: Mapping[str, Json]) -> Json:
        """Evaluate every expression.

        Args:
            scope: The names that expressions may use, such as `StepInput.scope`.

        Returns:
            The value, with results in place of expressions.

        Raises:
            ExpressionError: An expression cannot be evaluated in this scope.
        """
        values = [expression.evaluate(scope) for expression in self._expressions]
        return values[0] if self._is_one else _filled(self._compiled, iter(values))

    async def rendered(self, scope: Mapping[str, Json]) -> Json:
        """Do the same as `render`, without blocking the event loop if it takes long.

        Args:
            scope: The names that expressions may use.

        Returns:
            The value.

        Raises:
            ExpressionError: An expression could not be evaluated.
        """
        if self.is_constant:
            return self.source
        values = []
        for expression in self._expressions:
            allowance = open_allowance.get()
            if allowance is not None and allowance.owes_turn:
                await allowance.take_turns()
            value = expression.directly(scope)
            values.append(await expression.at_length(scope) if value is LATER else value)
        return values[0] if self._is_one else _filled(self._compiled, iter(values))

    def expressions(self) -> list[Expression]:
        """List its expressions.

        Returns:
            The expressions, in the order of the text.
        """
        return [*self._expressions]

    def filled(self, values: Iterable[Json]) -> Json:
        """Return the value with given results in place of its expressions.

        Args:
            values: One for each of `expressions()`, in their order.

        Returns:
            The value.
        """
        return _filled(self._compiled, iter(values))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Template) and self.source == other.source

    def __hash__(self) -> int:
        return hash(json.dumps(self.source, sort_keys=True))

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        """Let pydantic compile a template when a settings model has one."""
        return core_schema.no_info_plain_validator_function(cls._validated)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _: CoreSchema, __: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Describe a template: any JSON value."""
        also = ", also {{ secrets.NAME }}" if cls.may_name_secrets else ""
        return {"description": f"any JSON value; strings may hold {{{{ expression }}}}{also}"}

    @classmethod
    def _validated(cls, value: Any) -> Self:
        if isinstance(value, cls):
            return value
        try:
            return cls(value)
        except ExpressionError as wrong:
            raise UnusableTemplate(str(wrong), [*cls._wrong_in(value, "")]) from wrong

    @classmethod
    def _wrong_in(cls, value: Any, path: str) -> Iterator[tuple[str, str]]:
        """Return the place and the error of each text that does not compile."""
        if isinstance(value, dict):
            for key, item in value.items():
                yield from cls._wrong_in(item, f"{path}.{key}")
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from cls._wrong_in(item, f"{path}[{index}]")
        else:
            try:
                cls(value)
            except ExpressionError as wrong:
                yield path, str(wrong)


class UnusableTemplate(ValueError):
    """A template with expressions that do not compile.

    Attributes:
        found: The place of each faulty text inside the template, such as `.lines[0]`, and its
            error.
    """

    def __init__(self, first: str, found: list[tuple[str, str]]) -> None:
        """Create the error from the first reason and the places of all."""
        self.found = found
        super().__init__(first)


class SecretTemplate(Template):
    """A template for outgoing data: its expressions may name `secrets.NAME`."""

    __slots__ = ()
    may_name_secrets = True


def expressions_in(text: str) -> list[Expression]:
    """Return the expressions of a template, whatever its place; empty if it does not compile."""
    for also in (frozenset[str](), AT_PLACES):
        try:
            return SecretTemplate(text, also=also).expressions()
        except ExpressionError:
            continue
    return []


class _Mixed:
    """A string with placeholders among other text."""

    __slots__ = ("parts",)

    def __init__(self, parts: list[str | Expression]) -> None:
        self.parts = parts


def placeholders(source: str) -> list[str]:
    """Return the expressions between the braces of a string.

    Args:
        source: A string of a template.

    Returns:
        The texts of its expressions, in order; empty if a placeholder is not closed.
    """
    found: list[str] = []

    def noted(text: str) -> str:
        found.append(text.strip())
        return text

    try:
        list(_parts(source, noted))  # type: ignore[arg-type] # the texts are enough
    except ExpressionError:
        return []
    return found


def _expression(
    may_name_secrets: bool, also: frozenset[str], found: set[str], text: str
) -> Expression:
    expression = expression_of(text, may_name_secrets=may_name_secrets, also=also)
    found |= expression.secrets
    return expression


def _compile(source: Json, expression: Callable[[str], Expression]) -> Any:
    if isinstance(source, dict):
        return {key: _compile(item, expression) for key, item in source.items()}
    if isinstance(source, list):
        return [_compile(item, expression) for item in source]
    if not isinstance(source, str) or "{" not in source:
        return source
    parts = list(_parts(source, expression))
    if len(parts) == 1:
        return parts[0]
    return _Mixed(parts)


def _filled(compiled: Any, values: Iterator[Json]) -> Json:
    """Return a compiled value with results in place of its expressions, as they come in order."""
    if isinstance(compiled, Expression):
        return next(values)
    if isinstance(compiled, _Mixed):
        text = ""
        for part in compiled.parts:
            text += part if isinstance(part, str) else as_text(next(values))
        return text
    if isinstance(compiled, dict):
        made = {}
        for key, item in compiled.items():
            made[key] = item if type(item) in _PLAIN else _filled(item, values)
        return made
    if isinstance(compiled, list):
        return [item if type(item) in _PLAIN else _filled(item, values) for item in compiled]
    plain: Json = compiled
    return plain


def _expressions(compiled: Any) -> Iterator[Expression]:
    if isinstance(compiled, Expression):
        yield compiled
    elif isinstance(compiled, _Mixed):
        yield from (part for part in compiled.parts if isinstance(part, Expression))
    elif isinstance(compiled, dict | list):
        for item in compiled.values() if isinstance(compiled, dict) else compiled:
            yield from _expressions(item)


def _parts(source: str, expression: Callable[[str], Expression]) -> Iterator[str | Expression]:
    """Split a string into text and expressions."""
    if "{%" in source or "{#" in source:
        raise ExpressionError(source[:80], "statements and comments are not part of the language")
    at = 0
    while (start := source.find("{{", at)) >= 0:
        if start > at:
            yield source[at:start]
        end = _end_of_placeholder(source, start + 2)
        yield expression(source[start + 2 : end])
        at = end + 2
    if at < len(source) or not source:
        yield source[at:]


def _end_of_placeholder(source: str, at: int) -> int:
    """Find the `}}` that closes a placeholder, past quotes and braces inside it."""
    quote, depth = "", 0
    while at < len(source):
        char = source[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote:
                quote = ""
        elif char in "'\"":
            quote = char
        elif char == "{":
            depth += 1
        elif char == "}" and depth:
            depth -= 1
        elif source.startswith("}}", at):
            return at
        at += 1
    raise ExpressionError(source[:80], "a placeholder is not closed with }}")


def as_text(value: Json) -> str:
    """Return a value as part of a text: a text unchanged, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
