"""Builds a list from another: joined, filtered, grouped, sorted, deduplicated, cut, mapped.

The order is that of a query: `join`, `where`, `groupBy`, `sortBy`, `unique`, `limit`, `to`.
"""

import asyncio
import json
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import cmp_to_key
from typing import Any, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from engine import Json
from steps.contract.step_type import Problem, StepSettings
from steps.language.allowance import allowance_here
from steps.language.catalogue import FUNCTIONS
from steps.language.each import Item, evaluate_each
from steps.language.expression import SCOPE, Expression, ExpressionError, bare_condition
from steps.language.findings.words import findings_in
from steps.language.frozen import freeze
from steps.language.operations import path_in, shown, smaller
from steps.language.template import Template

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_TAKEN = frozenset(
    {
        "and", "else", "false", "False", "for", "if", "in", "is", "loop", "none", "None", "not",
        "or", "secrets", "set", "true", "True",
    }
)  # fmt: skip
_PART = 250


class Join(StepSettings):
    """A second list, whose items are combined with those of the first with the same key."""

    with_: str = Field(alias="with", description="the other list, an expression")
    as_: str = Field("other", alias="as", description="the name for an item of the other list")
    on: str = Field(description="the key of an item of the first list, an expression")
    equals: str = Field(description="the key of an item of the other list, an expression")
    keep: str = Field(
        "matched",
        pattern="^(matched|all)$",
        description="`matched`: items without a match are left out; `all`: they are kept, with "
        "null for the other; an item with several matches appears once for each",
    )


class ListMapping(StepSettings):
    """A list built from another. All parts except `map` are optional and run in this order."""

    map: str = Field(description="the list, an expression such as `data.rows`")
    as_: str = Field(
        "item",
        alias="as",
        description="the name for an item in the other parts; `index` counts from 0",
    )
    join: Join | None = Field(None, description="a second list, joined by a key")
    where: str | None = Field(None, description="a condition; items without it are left out")
    groupBy: str | None = Field(  # noqa: N815 - the document's word
        None,
        description="an expression; items with the same value become one object, with that "
        "value as `key` and the list `items`",
    )
    sortBy: str | list[str] | None = Field(  # noqa: N815
        None,
        description="an expression, or several: the second decides if the first is equal; null "
        "comes last",
    )
    descending: bool = Field(False, description="whether `sortBy` puts the largest first")
    unique: str | bool = Field(
        False,
        description="`true`, or an expression: an item equal to an earlier one is left out",
    )
    limit: int | str | None = Field(
        None, description="the largest number of items, a number or an expression"
    )
    to: Template | None = Field(
        None, description="the new value of each item, a template; default: the item itself"
    )
    _parts: dict[str, Expression] = PrivateAttr(default_factory=dict)
    _sorting: list[Expression] = PrivateAttr(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _compile_to(cls, given: Any) -> Any:
        """Compile `to` with the names of the items, which the key `as` sets."""
        if not isinstance(given, dict) or "to" not in given:
            return given
        try:
            return {**given, "to": Template(given["to"], also=_names_in(given))}
        except ExpressionError as wrong:
            raise _at(wrong, "to") from None

    @model_validator(mode="after")
    def _compile(self) -> Self:
        self._check_names()
        one = frozenset({self.as_, "index"})
        both = one if self.join is None else one | {self.join.as_}
        parts = {"map": (self.map, frozenset[str]()), "where": (self.where, both),
                 "groupBy": (self.groupBy, both)}  # fmt: skip
        after = one if self.groupBy is not None else both
        if isinstance(self.unique, str):
            parts["unique"] = (self.unique, after)
        if isinstance(self.limit, str):
            parts["limit"] = (self.limit, frozenset[str]())
        if self.join is not None:
            parts["join.with"] = (self.join.with_, frozenset[str]())
            parts["join.on"] = (self.join.on, one)
            parts["join.equals"] = (self.join.equals, frozenset({self.join.as_, "index"}))
        for where, (text, names) in parts.items():
            if text is not None:
                self._parts[where] = _compiled(text, names, where)
        sorting = [self.sortBy] if isinstance(self.sortBy, str) else self.sortBy or []
        self._sorting = [_compiled(text, after, "sortBy") for text in sorting]
        return self

    def _check_names(self) -> None:
        names = [(self.as_, "as")] + ([(self.join.as_, "join.as")] if self.join else [])
        for name, where in names:
            if not _NAME.fullmatch(name):
                raise _at("must have 1 to 64 letters, digits or _, and begin with a letter", where)
            if name in _TAKEN or name in FUNCTIONS or name in SCOPE - {"item"}:
                raise _at(f"{name} means something else already; choose another name", where)
        if self.join and self.join.as_ == self.as_:
            raise _at(f"{self.as_} is what an item of the first list is called", "join.as")

    def expressions(self) -> list[Expression]:
        """Return all its expressions."""
        templates = self.to.expressions() if self.to else []
        return [*self._parts.values(), *self._sorting, *templates]

    def problems(self, path: str) -> Iterator[Problem]:
        """Return the expressions that can only fail; the paths begin with `path`."""
        named = [*self._parts.items(), *(("sortBy", item) for item in self._sorting)]
        for where, expression in named:
            for finding in findings_in(expression.node):
                yield Problem(f"{path}.{where}", finding)
        for expression in self.to.expressions() if self.to else []:
            for finding in findings_in(expression.node):
                yield Problem(f"{path}.to", f"{{{{ {expression.text} }}}}: {finding}")

    async def rendered(self, scope: Mapping[str, Json]) -> Json:
        """Build the list. Raises `ExpressionError`."""
        rows = await _Rows.of(self.as_, self._list("map", scope))
        if self.join is not None:
            rows = await self._joined(rows, scope)
        if where := self._parts.get("where"):
            kept = await rows.evaluate(where, scope)
            rows = rows.at([at for at, holds in enumerate(kept) if holds])
        if by := self._parts.get("groupBy"):
            rows = await self._grouped(rows, await rows.evaluate(by, scope))
        for by in reversed(self._sorting):
            keys = await rows.evaluate(by, scope)
            rows = rows.at(_order(keys, by, descending=self.descending))
        if self.unique:
            unique = self._parts.get("unique")
            keys = await rows.evaluate(unique, scope) if unique else rows.values()
            first: dict[Hashable, int] = {}
            for at, key in enumerate(keys):
                first.setdefault(_key(key), at)
            rows = rows.at(list(first.values()))
        rows = rows.first(self._most(scope))
        return rows.values() if self.to is None else await rows.mapped(self.to, scope)

    def _list(self, part: str, scope: Mapping[str, Json]) -> list[Json]:
        expression = self._parts[part]
        value = _value(expression, scope)
        if not isinstance(value, list):
            raise ExpressionError(
                expression.text, f"{shown(value)} is not a list, and {part} needs one"
            )
        return value

    def _most(self, scope: Mapping[str, Json]) -> int | None:
        expression = self._parts.get("limit")
        most = self.limit if expression is None else expression.evaluate(scope)
        if most is None or (type(most) is int and most >= 0):
            return most
        raise ExpressionError(
            str(self.limit), f"limit must be a number from 0 on, not {shown(most)}"
        )

    async def _joined(self, rows: "_Rows", scope: Mapping[str, Json]) -> "_Rows":
        assert self.join is not None  # noqa: S101 - the caller has checked
        others = await _Rows.of(self.join.as_, self._list("join.with", scope))
        by_key: dict[Hashable, list[int]] = {}
        for at, key in enumerate(await others.evaluate(self._parts["join.equals"], scope)):
            by_key.setdefault(_key(key), []).append(at)
        on = await rows.evaluate(self._parts["join.on"], scope)
        return rows.beside(others, [by_key.get(_key(key), []) for key in on],
                           keep_all=self.join.keep == "all")  # fmt: skip

    async def _grouped(self, rows: "_Rows", keys: Sequence[Json]) -> "_Rows":
        groups: dict[Hashable, dict[str, Any]] = {}
        for key, value in zip(keys, rows.values(), strict=True):
            groups.setdefault(_key(key), {"key": key, "items": []})["items"].append(value)
        return await _Rows.of(self.as_, list(groups.values()))


class _Rows:
    """Items with their names: the original values beside the frozen ones for expressions."""

    def __init__(self, names: list[str], plain: list[Item], frozen: list[Item]) -> None:
        self.names, self.plain, self.frozen = names, plain, frozen

    @classmethod
    async def of(cls, name: str, items: list[Any]) -> Self:
        frozen: list[Item] = []
        for start in range(0, len(items), _PART):
            frozen += [(freeze(item),) for item in items[start : start + _PART]]
            allowance_here().spend(_PART)
            await asyncio.sleep(0)
        return cls([name], [(item,) for item in items], frozen)

    def at(self, places: Sequence[int]) -> "_Rows":
        return _Rows(
            self.names, [self.plain[at] for at in places], [self.frozen[at] for at in places]
        )

    def first(self, most: int | None) -> "_Rows":
        return _Rows(self.names, self.plain[:most], self.frozen[:most])

    def beside(self, others: "_Rows", matches: list[list[int]], *, keep_all: bool) -> "_Rows":
        nothing: list[int | None] = [None] if keep_all else []
        pairs = [(at, match) for at, found in enumerate(matches) for match in (found or nothing)]
        allowance_here().spend(len(pairs))
        both = ((self.plain, others.plain), (self.frozen, others.frozen))
        joined = [
            [(*mine[at], *(theirs[match] if match is not None else (None,))) for at, match in pairs]
            for mine, theirs in both
        ]
        return _Rows([*self.names, *others.names], *joined)

    def values(self) -> list[Json]:
        """Return the items; a joined item is an object with both."""
        if len(self.names) == 1:
            return [item[0] for item in self.plain]
        return [dict(zip(self.names, item, strict=True)) for item in self.plain]

    async def evaluate(self, expression: Expression, scope: Mapping[str, Json]) -> list[Json]:
        return await evaluate_each(expression, self.names, self.frozen, scope)

    async def mapped(self, to: Template, scope: Mapping[str, Json]) -> list[Json]:
        columns = [await self.evaluate(expression, scope) for expression in to.expressions()]
        made: list[Json] = []
        for start in range(0, len(self.frozen), _PART):
            rows = zip(*(column[start : start + _PART] for column in columns), strict=True)
            count = min(_PART, len(self.frozen) - start)
            made += [to.filled(values) for values in (rows if columns else [()] * count)]
            allowance_here().spend(_PART)
            await asyncio.sleep(0)
        return made


def _names_in(given: Mapping[str, Any]) -> frozenset[str]:
    """Return the names that `to` may use, as far as the document determines them."""
    join = given.get("join") if "groupBy" not in given else None
    other = join.get("as", "other") if isinstance(join, dict) else "index"
    return frozenset({"index", str(given.get("as", "item")), str(other)})


def _compiled(text: str, names: frozenset[str], where: str) -> Expression:
    try:
        return Expression(bare_condition(text), also=names)
    except ExpressionError as wrong:
        raise _at(wrong, where) from None


def _at(wrong: object, where: str) -> ValidationError:
    error = PydanticCustomError("list_mapping", "{message}", {"message": str(wrong)})
    detail = InitErrorDetails(type=error, loc=tuple(where.split(".")), input=None)
    return ValidationError.from_exception_data("map", [detail])


def _value(expression: Expression, scope: Mapping[str, Json]) -> Json:
    """Return a value without copying it, if the expression is a path to it."""
    if len(expression.paths) == 1 and str(expression.paths[0]) == expression.text:
        path = expression.paths[0]
        found, value = path_in(scope.get(path.root), path.keys)
        if found and isinstance(value, list):
            return value
    return expression.evaluate(scope)


def _key(value: Json) -> Hashable:
    """Return a key that is the same only for equal values."""
    if type(value) in (str, int, float):
        return value  # type: ignore[return-value] # these can be hashed
    return (json.dumps(value, sort_keys=True),)


def _order(keys: Sequence[Json], by: Expression, *, descending: bool) -> list[int]:
    """Return the indexes of the items in order; equal items keep their order, null comes last."""

    def by_kind(left: int, right: int) -> int:
        return smaller(keys[left], keys[right])

    known = [at for at, key in enumerate(keys) if key is not None]
    nulls = [at for at, key in enumerate(keys) if key is None]
    try:
        types = {type(keys[at]) for at in known}
        if types <= {int, float} or types == {str}:  # the usual case, without calls for each pair
            plain: dict[int, Any] = dict(enumerate(keys))
            known.sort(key=plain.__getitem__, reverse=descending)
        else:
            known.sort(key=cmp_to_key(by_kind), reverse=descending)
    except ValueError as wrong:
        raise ExpressionError(by.text, str(wrong)) from None
    return [*known, *nulls]
