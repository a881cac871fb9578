"""What the steps of a document read, by their ids."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel

from steps.checking.readings import (
    Reading,
    own_paths,
    reading_of_condition,
    readings_in,
    readings_of,
)

SettingsOf: TypeAlias = Callable[[str], "type[BaseModel] | None"]
"""Returns the settings of a step type, or None if it is not on this server."""

PARTS = ("values", "append", "extend")
"""The settings of a `set` step that name fields of the data."""

_ENDS = re.compile(r"[.\[]")


class StepReadings:
    """The expressions of a document; each step's are read once."""

    def __init__(self, document: Mapping[str, Any], of: SettingsOf) -> None:
        self._steps = {str(step.get("id")): step for step in document.get("steps") or []}
        self._edges: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        for index, edge in enumerate(document.get("edges") or []):
            if isinstance(edge.get("condition"), str):
                self._edges[str(edge.get("from"))].append((index, edge["condition"]))
        self._of = of
        self._known: dict[str, list[Reading]] = {}
        self._leading: dict[str, list[Reading]] = {}
        self._declared: dict[str, list[Reading]] = {}
        self._order: dict[str, dict[str, int]] = {}

    def step(self, step_id: str) -> Mapping[str, Any]:
        """Return a step as it is written; empty if there is none."""
        found: Mapping[str, Any] = self._steps.get(step_id, {})
        return found

    def settings(self, step_id: str) -> list[Reading]:
        """Return what a step reads before its work."""
        if step_id not in self._known:
            step = self.step(step_id)
            self._known[step_id] = readings_of(step, self._of(str(step.get("type"))))
        return self._known[step_id]

    def declared(self, step_id: str) -> list[Reading]:
        """Return what the declared outputs of a step read besides the step's own output."""
        if step_id not in self._declared:
            found = self._declared[step_id] = []
            for name, declared in (self.step(step_id).get("output") or {}).items():
                if isinstance(declared, dict) and "value" in declared:
                    for one in readings_in(declared["value"], f"output.{name}.value"):
                        own = set(own_paths(one))
                        rest = tuple(path for path in one.paths if path not in own)
                        found.append(Reading(one.place, one.expression, rest))
        return self._declared[step_id]

    def conditions(self, step_id: str) -> list[Reading]:
        """Return what the conditions of the edges out of a step read."""
        if step_id not in self._leading:
            self._leading[step_id] = [
                one
                for index, condition in self._edges[step_id]
                for one in reading_of_condition(condition, f"edges[{index}].condition")
            ]
        return self._leading[step_id]

    def is_own(self, one: Reading, name: object, step_id: str) -> bool:
        """Return whether a value of a `set` step reads one that precedes it in the same step."""
        if self.step(step_id).get("type") != "set":
            return False
        if step_id not in self._order:
            values = self.step(step_id).get("values") or {}
            self._order[step_id] = {str(own): at for at, own in enumerate(values)}
        order = self._order[step_id]
        if name not in order:
            return False
        made = [order[own] for own in names_in(one.place) if own in order]
        return order[str(name)] < min(made, default=len(order))


def names_in(place: str) -> Iterator[str]:
    """Yield the possible names of the field of the data at a place; names may contain dots."""
    part, dot, name = place.partition(".")
    if dot and part in (*PARTS, "output"):
        yield name
        yield from (name[: end.start()] for end in _ENDS.finditer(name))
