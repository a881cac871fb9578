"""set: put values into the run's data."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, StringConstraints
from pydantic_core import CoreSchema

from engine import Json, JsonObject, scope_with
from steps.contract.step_type import (
    Done,
    Outcome,
    Problem,
    StepBroke,
    StepInput,
    StepSettings,
    StepType,
)
from steps.effects.effects import Effects
from steps.language.expression import Expression
from steps.language.list_mapping import ListMapping
from steps.language.operations import shown
from steps.language.template import Template

_PART = 200
"""Values that are computed before others have their turn."""

_AFTER_NAME = re.compile(r"[.\[]|$")

FieldName = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Value(Template):
    """A template, or a list built from another: an object with the key `map`.

    Attributes:
        mapping: How the list is built.
        reads_all_data: Whether it may read all of `data`, not only known entries of it.
    """

    __slots__ = ("mapping", "reads_all_data")

    def __init__(self, source: Json) -> None:
        self.mapping = None
        if isinstance(source, dict) and "map" in source:
            self.mapping = ListMapping.model_validate(source)
            super().__init__(None)
            self.source = source
        else:
            super().__init__(source)
        self.reads_all_data = any(one.reads_whole("data") for one in self.expressions())

    async def rendered(self, scope: Mapping[str, Json]) -> Json:
        """Return the value. Raises `ExpressionError`."""
        if self.mapping is not None:
            return await self.mapping.rendered(scope)
        return await super().rendered(scope)

    def expressions(self) -> list[Expression]:
        """Return all its expressions."""
        return self.mapping.expressions() if self.mapping is not None else super().expressions()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Describe it: a template, or an object with the key `map`."""
        described = super().__get_pydantic_json_schema__(schema, handler)
        if_map = {"type": "object", "required": ["map"]}
        return {**described, "if": if_map, "then": handler(ListMapping.__pydantic_core_schema__)}


class SetSettings(StepSettings):
    """The values that are put into the run's data, and the names that are removed."""

    values: dict[FieldName, Value] = Field(
        {},
        description="values by name, of any type; each may read those before it; one with the "
        "key `map` is [a list made of another](#a-list-made-of-another)",
    )
    append: dict[FieldName, Value] = Field(
        {}, description="values by name, each appended to the list of that name"
    )
    extend: dict[FieldName, Value] = Field(
        {}, description="lists by name, whose items are appended to the list of that name"
    )
    remove: list[FieldName] = Field([], description="names that are removed before anything else")


class SetValues(StepType[SetSettings]):
    """Puts values into the run's data, several at once, or removes them.

    Each value may read those before it, and keeps its type: a number stays a number, null is null.
    With `append` and `extend` the journal stores only the new items, not the whole list; a name
    that is missing or null becomes a list. The step's output is the object of the values, with the
    number of items that each list has gained.
    """

    type = "set"
    settings = SetSettings
    built_in = True
    own_errors = False
    acts = False
    resumable = True
    delivers = ("values", "append", "extend")
    unused = {"retry": "it touches nothing, so it fails the same way again"}
    errors = {
        "ListExpected": "what `append` or `extend` names is there and no list, or what `extend` is "
        "given is none",
    }
    example = {
        "id": "totals",
        "type": "set",
        "values": {
            "net": "{{ data.lines | sum(attribute='price') }}",
            "gross": "{{ data.net * 1.2 }}",
            "labels": {
                "map": "data.lines", "as": "line", "where": "line.qty > 0",
                "to": {"sku": "{{ line.id }}", "qty": "{{ line.qty }}"},
            },
        },
        "append": {"log": "counted {{ data.lines | length }} lines"},
        "remove": ["draft"],
    }  # fmt: skip

    def check(self, settings: SetSettings, output: Mapping[str, JsonObject]) -> Iterator[Problem]:
        """Refuse a step without effect, names that are written twice, and bad expressions."""
        named = {"values": settings.values, "append": settings.append, "extend": settings.extend}
        seen: dict[str, str] = {}
        for key, values in named.items():
            for name, value in values.items():
                if name in seen:
                    yield Problem(f"{key}.{name}", f"is given in {seen[name]} already")
                seen[name] = key
                if value.mapping is not None:
                    yield from value.mapping.problems(f"{key}.{name}")
        if not seen and not settings.remove:
            yield Problem("values", "give values, or something to append, extend or remove")

    def has_items(self, document: Mapping[str, Any], path: str) -> bool:
        """Return whether a template is evaluated for each item of a list that is built."""
        values, (key, _, rest) = document.get("values"), path.partition(".")
        if key != "values" or not isinstance(values, dict):
            return False
        ends = [found.start() for found in _AFTER_NAME.finditer(rest)]  # a name may have dots
        made = (values.get(rest[:end]) for end in ends)
        return any(isinstance(item, dict) and "map" in item for item in made)

    async def execute(self, settings: SetSettings, step: StepInput, effects: Effects) -> Outcome:
        """Compute the values."""
        before = step.scope.get("data")
        data = dict(before) if isinstance(before, dict) else {}
        for name in settings.remove:
            data.pop(name, None)
        values = await _values(settings.values, data, step.scope)
        scope = scope_with(step.scope, {"data": {**data, **values}})
        appended = {name: [await item.rendered(scope)] for name, item in settings.append.items()}
        for name, item in settings.extend.items():
            items = await item.rendered(scope)
            if not isinstance(items, list):
                message = f"extend.{name} gives {shown(items)}, which is not a list"
                raise StepBroke("ListExpected", message, retryable=False)
            appended[name] = items
        for name in appended:
            if not isinstance(data.get(name), list | None):
                message = f"data.{name} is {shown(data[name])}, so nothing can be appended to it"
                raise StepBroke("ListExpected", message, retryable=False)
        gained: dict[str, Json] = {name: {"gained": len(more)} for name, more in appended.items()}
        removed = [name for name in settings.remove if isinstance(before, dict) and name in before]
        return Done({**values, **gained}, data=values, appended=appended, removed=removed)


async def _values(
    values: Mapping[str, Value], data: Mapping[str, Json], scope: Mapping[str, Json]
) -> dict[str, Json]:
    """Compute values, each with those before it in `data`. Raises `ExpressionError`."""
    made: dict[str, Json] = {}
    so_far = dict(data)
    with_them = scope_with(scope, {"data": so_far})
    for count, (name, value) in enumerate(values.items(), 1):
        given = with_them
        if value.reads_all_data:  # the frozen copy of it is kept, so it must not change
            given = scope_with(scope, {"data": dict(so_far)})
        made[name] = so_far[name] = await value.rendered(given)
        if count % _PART == 0:
            await asyncio.sleep(0)
    return made
