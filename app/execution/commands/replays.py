"""Replays one visit of a run with another agent or model, and compares the results."""

from typing import Any

from app.definitions.replays import Replay, is_replay, replay_id
from app.execution.commands.reruns import DoneEarlier, Entered
from app.execution.starting.new_run import Beginning, NewRun
from app.execution.usage import usage_of
from engine import CarriedVisit, Json, JsonObject, Origin, Run, Visit
from steps.agents.recorded import EXACT, NEAR, answers_in, calls_in
from steps.contract.records import CHILD_USAGE
from steps.contract.step_type import InvalidAnswer, Problem
from steps.document.compiled import Definition

_REPLAYED = frozenset({"call-agent", "call-llm"})


def visit_to_replay(run: Run, step_id: str | None, visit: int | None) -> Visit:
    """Return the visit that is meant: the last that has asked a model.

    Raises `InvalidAnswer` if there is none, and `DoneEarlier` if the run took it over from an
    earlier run.
    """

    def is_meant(one: Visit | CarriedVisit) -> bool:
        is_named = step_id in (None, one.step_id) and visit in (None, one.visit)
        return is_named and one.step_type in _REPLAYED

    if is_replay(run.workflow_id) or run.body:
        message = "the run is a replay or a branch; name the run that has the step"
        raise InvalidAnswer([Problem("runId", message)])
    if found := [one for one in run.history if is_meant(one)]:
        return found[-1]
    if earlier := [one for one in run.carried if is_meant(one)]:
        raise DoneEarlier(earlier[-1])
    message = "the run has no such visit of a call-agent or call-llm step"
    raise InvalidAnswer([Problem("stepId", message)])


def replay_run(
    tenant: str, before: Entered, replay: Replay, definition: Definition, caller: str
) -> NewRun:
    """Return the run to start: the old one as it entered the step; it ends after that step."""
    run = before.run
    origin = Origin(run.id, replay.step_id, before.seq)
    beginning = Beginning(origin, dict(run.outputs), run.last_error, run.failed_in, (), {})
    return NewRun(
        tenant, replay_id(run.workflow_id), replay.to_version(), definition, run.data, caller,
        run.context, beginning=beginning, vars=run.vars,
    )  # fmt: skip


def compared(before: Visit, after: Visit | None, replay: Replay, run: Run) -> JsonObject:
    """Return a replay beside its original, with the differences."""
    old, new = _side(before), None if after is None else _side(after)
    changes = [] if after is None or not run.is_over else _changes(before, after)
    return {
        "runId": run.id,
        "status": run.status.value,
        "of": {"runId": replay.run_id, "stepId": replay.step_id, "visit": replay.visit},
        "agentVersion": replay.version or None,
        "model": replay.model or None,
        "before": old,
        "after": new,
        "same": run.is_over and not changes,
        "changes": changes,
    }


def _side(visit: Visit) -> JsonObject:
    values = {name: record.value for name, record in visit.records.items()}
    matches = [v.get("match") for v in values.values() if isinstance(v, dict) and "match" in v]
    usage = usage_of([_own(visit)])
    spent: dict[str, Any] = usage if isinstance(usage, dict) else {}
    calls: list[Json] = [{"tool": one.tool, "arguments": one.arguments} for one in calls_in(values)]
    shown: JsonObject = {
        "status": visit.status.value,
        "output": visit.output,
        "error": None
        if visit.error is None
        else {"type": visit.error.type, "message": visit.error.message},
        "turns": len(answers_in(values)),
        "questions": spent.get("calls", 0),
        "calls": calls,
        "tokens": spent.get("inputTokens", 0) + spent.get("outputTokens", 0),
        "cost": spent.get("cost"),
        "modelMs": spent.get("latencyMs", 0),
    }
    if matches:
        shown["recorded"] = {
            "exact": matches.count(EXACT),
            "near": matches.count(NEAR),
            "none": len(matches) - matches.count(EXACT) - matches.count(NEAR),
        }
    return shown


def _own(visit: Visit) -> Visit:
    """Return the visit without the model calls of its child runs, which a replay does not make."""
    alone = visit.copy()
    alone.records = {
        name: record
        for name, record in visit.records.items()
        if not (isinstance(record.value, dict) and CHILD_USAGE in record.value)
    }
    return alone


def _changes(before: Visit, after: Visit) -> list[Json]:
    """List what differs: the status, each field of the output, and the calls that were made."""
    found: list[Json] = []
    if before.status is not after.status:
        found.append(_change("status", before.status.value, after.status.value))
    old, new = before.output, after.output
    if isinstance(old, dict) and isinstance(new, dict):
        found += [
            _change(f"output.{name}", old.get(name), new.get(name))
            for name in dict.fromkeys((*old, *new))
            if old.get(name) != new.get(name)
        ]
    elif old != new:
        found.append(_change("output", old, new))
    ways = [_made(visit) for visit in (before, after)]
    if ways[0] != ways[1]:
        found.append(_change("calls", *ways))
    return found


def _made(visit: Visit) -> list[Json]:
    values = {name: record.value for name, record in visit.records.items()}
    return [{"tool": call.tool, "arguments": call.arguments} for call in calls_in(values)]


def _change(path: str, before: Json, after: Json) -> JsonObject:
    return {"path": path, "before": before, "after": after}
