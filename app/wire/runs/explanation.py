"""Explains where a value of a run came from, and what it influenced.

A pure function of the history and the definition: nothing extra is stored, so it works for runs of
any age. A value is traced back from the expression that made it to the values it read, and so on to
the input, a person or a service; and forward from a step's output to everything that read it.
"""

import json
import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias

from pydantic import BaseModel

from app.wire.parsing.errors import BadRequest
from app.wire.runs.explained_path import Asked, Keys, asked_path
from app.wire.runs.origins import Origins, Written, origins_of, place_reached
from engine import Event, Json, JsonObject, iso_time
from steps.checking.readings import (
    Reading,
    own_paths,
    reading_of_condition,
    readings_in,
    readings_of,
    within,
)
from steps.contract.step_type import Problem
from steps.language.operations import path_in
from steps.language.syntax.paths import Path

SettingsOf: TypeAlias = Callable[[str], "type[BaseModel] | None"]
"""Returns the settings of a step type, or None if it is not on this server."""

MOST_NODES = 100
"""The most values in a chain, and the most places that the value influenced."""

_LARGEST = 4_000
_MOST_CHARACTERS = 200_000
"""The total length of expressions after which a chain is cut."""

_ENDS = re.compile(r"[.\[]")
_PARTS = ("values", "append", "extend")
_LEAVES = {
    "context": "caller",
    "vars": "variable",
    "constants": "constant",
    "secrets": "secret",
    "run": "run",
    "now": "clock",
    "item": "item",
    "index": "item",
    "outcome": "run",
}
_PEOPLE = ("collect-inputs", "request-user-action")
_SERVICES = {
    "call-api": ("service", "url"),
    "call-tool": ("tool", "toolId"),
    "call-llm": ("model", "model"),
    "call-agent": ("agent", "agentId"),
    "call-workflow": ("workflow", "workflowId"),
    "wait-for-signal": ("signal", "name"),
}

Node: TypeAlias = "tuple[JsonObject, Written | None, list[Asked]]"


def explained(
    events: Sequence[Event], document: Mapping[str, Any], path: str, at: int | None, of: SettingsOf
) -> JsonObject:
    """Return where a value came from and what it influenced, as JSON.

    Args:
        events: The history of the run.
        document: The definition of the run, or the body it belongs to.
        path: The value: `result.total`, `data.order.id`, `steps.pay.output.status`.
        at: The number of an event; the value before it is explained. None: the value at the end.
        of: Returns the settings of step types.

    Raises:
        BadRequest: The path is invalid, or the run has no such value.
    """
    origins = origins_of(events)
    return _Explaining(origins, document, of).tell(asked_path(path, at or origins.length + 1))


class _Explaining:
    def __init__(self, origins: Origins, document: Mapping[str, Any], of: SettingsOf) -> None:
        self._origins = origins
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
        self._nodes: dict[Asked, Node] = {}
        self._values: dict[int, tuple[Json, JsonObject]] = {}
        self._size = 0

    def tell(self, asked: Asked) -> JsonObject:
        first, source, _ = self._node(asked)
        if first["kind"] == "unknown":
            message = f"the run has no {asked}" + (" there" if asked.before else "")
            raise BadRequest("the request is not acceptable", [Problem("path", message)])
        chain, is_cut = self._chain(asked)
        reached: list[Json] = list(islice(self._reached(source), MOST_NODES + 1)) if source else []
        return {
            "path": str(asked),
            "value": first.get("value"),
            "chain": chain,
            "reached": reached[:MOST_NODES],
            "isCut": is_cut or len(reached) > MOST_NODES,
        }

    def _chain(self, asked: Asked) -> tuple[list[Json], bool]:
        """Return the nodes, the requested one first; each refers to those it was made from."""
        nodes: list[Json] = []
        at: dict[tuple[str, int], int] = {}
        todo: deque[tuple[Asked, JsonObject | None]] = deque([(asked, None)])
        while todo:
            one, above = todo.popleft()
            node, source, uses = self._node(one)
            key = (str(one), source.seq if source else 0)
            if key not in at:
                if len(nodes) == MOST_NODES or self._size > _MOST_CHARACTERS:
                    return nodes, True
                at[key] = len(nodes)
                nodes.append({**node, "from": []})
                made = nodes[-1]
                assert isinstance(made, dict)  # noqa: S101 - made above
                todo += [(use, made) for use in uses]
                self._size += _characters(node)
            if above is not None:
                from_ = above["from"]
                assert isinstance(from_, list)  # noqa: S101 - made above
                if at[key] not in from_:
                    from_.append(at[key])
        return nodes, False

    def _node(self, asked: Asked) -> Node:
        """Return the description of a value, what wrote it, and what that read."""
        if asked not in self._nodes:
            self._nodes[asked] = self._new_node(asked)
        return self._nodes[asked]

    def _new_node(self, asked: Asked) -> Node:
        match asked.root, asked.keys:
            case "result", keys:
                return self._result(asked, keys)
            case "data", (str(name), *rest):
                return self._data(asked, name, tuple(rest))
            case "steps", (str(step_id), "output", *rest):
                return self._output(asked, step_id, tuple(rest))
            case "error", _:
                failed = self._origins.failed_before(asked.before)
                node: JsonObject = {"path": str(asked), "kind": "error"}
                return node | ({"stepId": failed} if failed else {}), None, []
            case root, _ if root in _LEAVES:
                return {"path": str(asked), "kind": _LEAVES[root]}, None, []
        return {"path": str(asked), "kind": "unknown"}, None, []

    def _result(self, asked: Asked, keys: Keys) -> Node:
        ended, last = self._origins.result, self._origins.last_step()
        if ended is None or last is None:
            return {"path": str(asked), "kind": "unknown"}, None, []
        found, result = path_in(ended[1], keys)
        if not found:
            return {"path": str(asked), "kind": "unknown"}, None, []
        node = {**self._step_node(asked, last), **self._shown(result), "event": ended[0]}
        if last.step_type != "end-flow":
            return node, last, [Asked("steps", (last.step_id, "output", *keys), asked.before)]
        source, _ = within(self._steps.get(last.step_id, {}).get("result"), keys)
        return self._made(node, last, readings_in(source, "result"), last.entered)

    def _data(self, asked: Asked, name: str, keys: Keys) -> Node:
        written = self._origins.of_data(name, asked.before)
        if written is None:
            return {"path": str(asked), "kind": "unknown"}, None, []
        shown = self._value_of(written.data, (name, *keys))
        if written.writer != "step":
            node: JsonObject = {
                "path": str(asked), "kind": written.writer, "event": written.seq,
                "time": iso_time(written.at_ms), **shown,
            }  # fmt: skip
            facts = (("by", written.by), ("reason", written.reason), ("runId", written.run_id))
            return node | {key: item for key, item in facts if item}, written, []
        node = {**self._step_node(asked, written), **shown}
        step = self._steps.get(written.step_id, {})
        declared = (step.get("output") or {}).get(name)
        if isinstance(declared, dict) and "value" in declared:
            source, _ = within(declared["value"], keys)
            return self._made(
                node, written, readings_in(source, f"output.{name}.value"), written.entered
            )
        for part in _PARTS:
            if step.get("type") == "set" and name in (step.get(part) or {}):
                source, _ = within(step[part][name], keys)
                return self._made(
                    node, written, readings_in(source, f"{part}.{name}"), written.entered
                )
        return (
            node,
            written,
            [Asked("steps", (written.step_id, "output", name, *keys), written.seq + 1)],
        )

    def _output(self, asked: Asked, step_id: str, keys: Keys) -> Node:
        written = self._origins.of_output(step_id, asked.before)
        if written is None:
            if step_id not in self._origins.earlier:
                return {"path": str(asked), "kind": "unknown"}, None, []
            start = self._origins.written[1]
            node: JsonObject = {"path": str(asked), "kind": "earlierRun", "runId": start.run_id}
            return node | self._value_of(self._origins.earlier, (step_id, *keys)), start, []
        found, output = path_in(written.output, keys)
        if not found:
            return {"path": str(asked), "kind": "unknown"}, None, []
        node = {**self._step_node(asked, written), **self._shown(output)}
        step = self._steps.get(step_id, {})
        readings = self._readings(step_id)
        if step.get("type") == "set" and keys and isinstance(keys[0], str):
            readings = [one for one in readings if _is_below(one.place, keys[0])] or readings
        return self._made(node, written, readings, written.entered)

    def _step_node(self, asked: Asked, written: Written) -> JsonObject:
        step = self._steps.get(written.step_id, {})
        kind, named = _SERVICES.get(written.step_type, ("step", ""))
        if written.step_type in _PEOPLE and written.by:
            kind = "person"
        node: JsonObject = {
            "path": str(asked),
            "kind": kind,
            "stepId": written.step_id,
            "stepType": written.step_type,
            "stepName": written.step_name or written.step_id,
            "visit": written.visit,
            "event": written.seq,
            "time": iso_time(written.at_ms),
        }
        if named and isinstance(step.get(named), str):
            node["service"] = step[named]
        if written.by:
            node["by"] = written.by
        return node

    def _made(
        self, node: JsonObject, written: Written, readings: list[Reading], before: int
    ) -> Node:
        """Add the expressions that made a value, and return the values that they read."""
        uses: list[Asked] = []
        nodes: list[Json] = []
        for one in readings:
            read = [self._use(one, path, written, before) for path in one.paths]
            reads: list[Json] = [str(use) for use in read]
            nodes.append({"place": one.place, "expression": one.expression, "reads": reads})
            uses += read
        return node | ({"made": nodes} if nodes else {}), written, uses

    def _use(self, one: Reading, path: Path, written: Written, before: int) -> Asked:
        if path.root == "result" and written.step_type != "end-flow":
            return Asked("steps", (written.step_id, "output", *path.keys), written.seq + 1)
        if path.root == "response":
            return Asked("steps", (written.step_id, "output"), written.seq + 1)
        if path.root == "data" and path.keys and self._is_own(one, path.keys[0], written):
            return Asked(path.root, path.keys, written.seq + 1)
        return Asked(path.root, path.keys, before)

    def _is_own(self, one: Reading, name: object, written: Written) -> bool:
        """Return whether a value of a `set` step reads one that precedes it in the same step."""
        if written.step_type != "set":
            return False
        if written.step_id not in self._order:
            values = self._steps.get(written.step_id, {}).get("values") or {}
            self._order[written.step_id] = {str(own): at for at, own in enumerate(values)}
        order = self._order[written.step_id]
        if name not in order:
            return False
        made = [order[own] for own in _names_in(one.place) if own in order]
        return order[str(name)] < min(made, default=len(order))

    def _readings(self, step_id: str) -> list[Reading]:
        if step_id not in self._known:
            step = self._steps.get(step_id, {})
            self._known[step_id] = readings_of(step, self._of(str(step.get("type"))))
        return self._known[step_id]

    def _value_of(self, whole: Json, keys: Keys) -> JsonObject:
        found, item = path_in(whole, keys)
        return self._shown(item) if found else {}

    def _shown(self, item: Json) -> JsonObject:
        """Return a value for display, unless it is too long."""
        if id(item) not in self._values:
            size = len(json.dumps(item, ensure_ascii=False))
            shown: JsonObject = {"value": item} if size <= _LARGEST else {"valueLeftOut": size}
            self._values[id(item)] = (item, shown)  # kept alive, so that its id stays unique
        return self._values[id(item)][1]

    def _reached(self, source: Written) -> Iterator[JsonObject]:
        """Yield what read the written value, and then what read the results of that."""
        sources = {source.seq}
        for written in self._consumers():
            if written.seq > source.seq:
                for place, expression, path, maker in self._sources(written):
                    if maker in sources:
                        sources.add(written.seq)
                        yield place_reached(
                            written, place, expression, path, is_direct=maker == source.seq
                        )
            if written.seq >= source.seq:
                for place, expression, path, maker in self._conditions(written):
                    if maker in sources:
                        yield place_reached(
                            written, place, expression, path, is_direct=maker == source.seq
                        )

    def _consumers(self) -> list[Written]:
        return [one for _, one in sorted(self._origins.written.items()) if one.writer == "step"]

    def _sources(self, written: Written) -> Iterator[tuple[str, str, str, int]]:
        """Yield each expression of a visit with what it read, and the event that wrote that."""
        for one in (*self._readings(written.step_id), *self._declared_of(written.step_id)):
            yield from self._makers(one, written.entered)

    def _declared_of(self, step_id: str) -> list[Reading]:
        """Return what the declared outputs of a step read besides the step's own output."""
        if step_id not in self._declared:
            found = self._declared[step_id] = []
            for name, declared in (self._steps.get(step_id, {}).get("output") or {}).items():
                if isinstance(declared, dict) and "value" in declared:
                    for one in readings_in(declared["value"], f"output.{name}.value"):
                        own = set(own_paths(one))
                        rest = tuple(path for path in one.paths if path not in own)
                        found.append(Reading(one.place, one.expression, rest))
        return self._declared[step_id]

    def _conditions(self, written: Written) -> Iterator[tuple[str, str, str, int]]:
        """Yield the conditions of the edges out of a step, as `_sources` does."""
        if written.step_id not in self._leading:
            self._leading[written.step_id] = [
                one
                for index, condition in self._edges[written.step_id]
                for one in reading_of_condition(condition, f"edges[{index}].condition")
            ]
        for one in self._leading[written.step_id]:
            yield from self._makers(one, written.seq + 1)

    def _makers(self, one: Reading, before: int) -> Iterator[tuple[str, str, str, int]]:
        for path in one.paths:
            maker = self._maker(path, before)
            if maker is not None:
                yield one.place, one.expression, str(path), maker.seq

    def _maker(self, path: Path, before: int) -> Written | None:
        match path.root, path.keys:
            case "data", (str(name), *_):
                return self._origins.of_data(name, before)
            case "steps", (str(step_id), *_):
                return self._origins.of_output(step_id, before)
        return None


def _names_in(place: str) -> Iterator[str]:
    """Yield the possible names of the value at a place; names may contain dots."""
    part, dot, name = place.partition(".")
    if dot and part in _PARTS:
        yield name
        yield from (name[: end.start()] for end in _ENDS.finditer(name))


def _is_below(place: str, name: str) -> bool:
    return any(
        place == f"{part}.{name}" or place.startswith((f"{part}.{name}.", f"{part}.{name}["))
        for part in _PARTS
    )


def _characters(node: JsonObject) -> int:
    """Return the total length of the expressions in a node."""
    made: Any = node.get("made", ())
    return sum(len(one["expression"]) for one in made)
