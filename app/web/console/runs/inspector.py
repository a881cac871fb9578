"""The inspector of a run for one visit: the step's input, and where its values came from."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from app.concurrency.offload import offload
from app.definitions.versioned import DefinitionUnusable
from app.secrets.mask import MASK
from app.secrets.sensitive import shown_data
from app.web.api.explanations import explanation
from app.web.console.json_tree import JsonTree, address_of
from app.web.console.runs.timeline import TimelineEntry
from app.web.endpoint import Call
from app.wire.parsing.errors import BadRequest
from engine import Event, Json, JsonObject, Run, fold, scope
from steps.document.compiled import CompiledStep
from steps.language.allowance import Allowance
from steps.language.expression import ExpressionError
from steps.language.frozen import FrozenValues, frozen_by
from steps.language.template import Template

_LONGEST_PATH = 500
_DRAWN = ("steps", "edges", "initialStep", "branches")
"""Settings that the diagram shows: what is in a step is no input of it."""


def tree(value: Json, path: str, visit: int, at: int | None) -> str:
    """Return a value as HTML whose parts link to where they came from."""
    return JsonTree(lambda part: address_of(visit, part, at)).write(value, path)


async def given_of(
    call: Call, run: Run, events: Sequence[Event], entry: TimelineEntry
) -> JsonObject:
    """Return the settings of a step as they were evaluated for a visit, with secrets masked.

    Settings that use names known only to the step itself stay as they are written.
    """
    try:
        definition = await call.services.workflows.pinned(
            call.tenant, run.workflow_id, run.version, run.body
        )
    except DefinitionUnusable:
        return {}
    step = definition.steps.get(entry.step_id)
    if step is None:
        return {}
    return await offload(lambda: _given(step, fold(events[: entry.seq])))


def _given(step: CompiledStep, run: Run) -> JsonObject:
    names: dict[str, Json] = {**scope(run), **step.given, "data": shown_data(run.data)}
    settings = step.settings
    found: JsonObject = {}
    with Allowance(), frozen_by(FrozenValues()):
        for name in type(settings).model_fields:
            if name in settings.model_fields_set and name not in _DRAWN:
                found[name] = _evaluated(getattr(settings, name), names)
    return found


def _evaluated(value: Any, names: Mapping[str, Json]) -> Json:
    if isinstance(value, Template):
        secrets: JsonObject = dict.fromkeys(value.secrets, MASK)
        try:
            return value.render({**names, "secrets": secrets})
        except ExpressionError:
            return value.source
    if isinstance(value, BaseModel):
        return {
            name: _evaluated(getattr(value, name), names)
            for name in type(value).model_fields
            if name in value.model_fields_set
        }
    if isinstance(value, dict):
        return {str(name): _evaluated(item, names) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_evaluated(item, names) for item in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


async def explained_here(
    call: Call, history: Sequence[Event], entries: Sequence[TimelineEntry]
) -> "dict[str, Any] | None":
    """Return the explanation that the address asks for, None if it asks for none."""
    asked = call.request.query_params
    path, at = asked.get("explain", ""), asked.get("at", "")
    if not path or len(path) > _LONGEST_PATH:
        return None
    before = int(at) if at.isdecimal() and len(at) < 10 else None  # noqa: PLR2004 - an event
    try:
        answer = await explanation(call.services, call.tenant, history, path, before or None)
    except (BadRequest, DefinitionUnusable) as refused:
        problems = getattr(refused, "problems", ())
        return {"path": path, "problem": problems[0].message if problems else str(refused)}
    entered = {
        (entry.step_id, entry.visit.visit): entry.seq
        for entry in entries
        if entry.visit is not None
    }
    chain: Any = answer["chain"]
    reached: Any = answer["reached"]
    return {
        "path": path,
        "problem": "",
        "chain": _shortened([_node(node, at, entered) for at, node in enumerate(chain)]),
        "reached": [{**one, "seq": entered.get((one["stepId"], one["visit"]))} for one in reached],
        "is_cut": answer["isCut"],
    }


def _shortened(chain: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a chain in which repeated rounds of a loop are shown once, with a count."""
    found: list[dict[str, Any]] = []
    for node in chain:
        alike = [
            one
            for one in found[-_ALIKE:]
            if (one["path"], one["stepId"]) == (node["path"], node["stepId"])
        ]
        if node["stepId"] is not None and len(alike) == _ALIKE:
            found[-1]["more"] += 1
        else:
            found.append({**node, "more": 0})
    return found


_ALIKE = 2
_ASKED = ("stepId", "stepName", "service", "by", "reason", "runId", "valueLeftOut")


def _node(
    node: dict[str, Any], number: int, entered: Mapping[tuple[str, int], int]
) -> dict[str, Any]:
    seq = entered.get((node["stepId"], node["visit"])) if "visit" in node else None
    blank = dict.fromkeys(_ASKED)
    return {
        **blank, "made": [], **node,
        "number": number, "seq": seq, "has_value": "value" in node, "value": node.get("value"),
        "path_there": _path_there(node),
    }  # fmt: skip


def _path_there(node: Mapping[str, Any]) -> str:
    """Return the path of a value in the other run that made it; empty if it has none there."""
    path = str(node["path"])
    if "stepId" not in node:
        return path
    if node["stepType"] != "call-workflow":
        return path if path.startswith("data") else ""
    _, output, below = path.partition(".output")
    return f"result{below}" if output else "result"
