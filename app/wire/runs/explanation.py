"""Explains where a value of a run came from, and what it influenced.

A pure function of the history and the definition: nothing extra is stored, so it works for runs of
any age. A value is traced back from the expression that made it to the values it read, and so on to
the input, a person or a service; and forward from a step's output to everything that read it.
"""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias

from app.secrets.mask import MASK
from app.wire.parsing.errors import BadRequest
from app.wire.runs.explained_path import Asked, Keys, asked_path
from app.wire.runs.origins import Origins, Written, origins_of
from app.wire.runs.reached import Reached
from app.wire.runs.step_readings import PARTS, SettingsOf, StepReadings
from engine import Event, Json, JsonObject, iso_time
from steps.checking.readings import OWN, Reading, is_path, readings_in, within
from steps.contract.step_type import Problem
from steps.language.operations import path_in
from steps.language.syntax.paths import Path

MOST_NODES = 100
"""The most values in a chain, and the most places that the value influenced."""

_LARGEST = 4_000
_MOST_CHARACTERS = 200_000
"""The total length of expressions after which a chain is cut."""

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
    "wait-for-signal": ("signal", "signal"),
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
        self._readings = StepReadings(document, of)
        self._nodes: dict[Asked, Node] = {}
        self._values: dict[int, tuple[Json, JsonObject]] = {}
        self._size = 0

    def tell(self, asked: Asked) -> JsonObject:
        first, source, _ = self._node(asked)
        if first["kind"] == "unknown" or (source and _lacks(source, asked)):
            is_end = asked.before > self._origins.length
            message = f"the run has no {asked}" + (
                "" if is_end else f" before event {asked.before}"
            )
            raise BadRequest("the request is not acceptable", [Problem("path", message)])
        chain, is_cut = self._chain(asked)
        reached: list[Json] = []
        if source is not None:
            places = Reached(self._origins, self._readings, asked, source).places()
            reached += islice(places, MOST_NODES + 1)
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
        source, rest = within(self._readings.step(last.step_id).get("result"), keys)
        return self._made(node, last, readings_in(source, "result"), last.entered, rest)

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
        if written.is_skipped:
            return node, written, []
        step = self._readings.step(written.step_id)
        declared = (step.get("output") or {}).get(name)
        if isinstance(declared, dict) and "value" in declared:
            source, rest = within(declared["value"], keys)
            readings = readings_in(source, f"output.{name}.value")
            return self._made(node, written, readings, written.entered, rest)
        for part in PARTS:
            if step.get("type") == "set" and name in (step.get(part) or {}):
                source, rest = within(step[part][name], keys)
                readings = readings_in(source, f"{part}.{name}")
                return self._made(node, written, readings, written.entered, rest)
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
        if written.is_skipped:
            return node, written, []
        step = self._readings.step(step_id)
        readings = self._readings.settings(step_id)
        if step.get("type") == "set" and keys and isinstance(keys[0], str):
            readings = [one for one in readings if _is_below(one.place, keys[0])] or readings
        return self._made(node, written, readings, written.entered)

    def _step_node(self, asked: Asked, written: Written) -> JsonObject:
        step = self._readings.step(written.step_id)
        kind, named = _SERVICES.get(written.step_type, ("step", ""))
        if written.is_skipped or (written.step_type in _PEOPLE and written.by):
            kind, named = "person", ""
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
        if written.by and kind != "signal":
            node["by"] = written.by
        if written.reason:
            node["reason"] = written.reason
        return node

    def _made(
        self,
        node: JsonObject,
        written: Written,
        readings: list[Reading],
        before: int,
        rest: Keys = (),
    ) -> Node:
        """Add the expressions that made a value, and return the values that they read.

        `rest` is the way from what an expression makes to the value.
        """
        uses: list[Asked] = []
        nodes: list[Json] = []
        below = rest if len(readings) == 1 and is_path(readings[0]) else ()
        for one in readings:
            read = [self._use(one, path, below, written, before) for path in one.paths]
            reads: list[Json] = [str(use) for use in read]
            nodes.append({"place": one.place, "expression": one.expression, "reads": reads})
            uses += read
        return node | ({"made": nodes} if nodes else {}), written, uses

    def _use(self, one: Reading, path: Path, rest: Keys, written: Written, before: int) -> Asked:
        keys = (*path.keys, *rest)
        if path.root in OWN and written.step_type != "end-flow":
            inside = ("signals", *keys) if path.root == "signals" else keys
            is_there, _ = path_in(written.output, inside)
            own = inside if is_there or path.root == "result" else ()
            return Asked("steps", (written.step_id, "output", *own), written.seq + 1)
        if path.root == "data" and keys and self._readings.is_own(one, keys[0], written.step_id):
            return Asked(path.root, keys, written.seq + 1)
        return Asked(path.root, keys, before)

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


def _lacks(source: Written, asked: Asked) -> bool:
    """Return whether the value of a field has no part with the keys that are asked for."""
    if asked.root != "data" or asked.keys[0] not in source.data:
        return False
    return source.data[str(asked.keys[0])] != MASK and not path_in(source.data, asked.keys)[0]


def _is_below(place: str, name: str) -> bool:
    return any(
        place == f"{part}.{name}" or place.startswith((f"{part}.{name}.", f"{part}.{name}["))
        for part in PARTS
    )


def _characters(node: JsonObject) -> int:
    """Return the total length of the expressions in a node."""
    made: Any = node.get("made", ())
    return sum(len(one["expression"]) for one in made)
