"""The calls that steps have made and what they cost, computed from the records of their visits."""

from collections.abc import Iterable, Iterator, Sequence

from engine import Json, JsonObject, Record, Visit, iso_time
from steps.contract.records import CHILD_USAGE, KEPT, kept_names
from steps.effects.chat import usage_from_json
from steps.models.usage import added_up, lines_of, together

_MODEL_CALL = frozenset({"model", "usage", "latencyMs"})
_TOOL_CALL = frozenset({"tool", "ok", "durationMs"})
_ANSWERED = frozenset({"value", "by", "at"})
"""The keys of a call's or choice's record; step types of others may record anything."""


def usage_of(visits: Iterable[Visit]) -> Json:
    """Add up the calls of models and their tokens, in total and by model; None without any call.

    Child runs that have ended are included. `estimated` counts the calls whose provider did not
    report token numbers; it is left out when every provider did.
    """
    return added_up(line for visit in visits if visit.records for line in _lines(visit))


def summary_of(before: Json, visits: Sequence[Visit]) -> Json:
    """Return what a run's status needs to know of visits that it does not show.

    `before` is the same of earlier visits. None if they have asked no model, and no other run.
    """
    usage = with_usage_of(before, visits)
    asked = has_children(before) or any(visit.children for visit in visits)
    return {"usage": usage, "children": asked} if usage or asked else None


def with_usage_of(summary: Json, visits: Iterable[Visit]) -> Json:
    """Return the usage of the visits that a summary is of, and of those that follow."""
    usage = usage_of(visits)
    return together([summary.get("usage"), usage]) if isinstance(summary, dict) else usage


def has_children(summary: Json) -> bool:
    """Return whether a visit that a summary is of has started child runs."""
    return isinstance(summary, dict) and summary.get("children") is True


def _lines(visit: Visit) -> Iterator[JsonObject]:
    """Yield one line for each answer of a model, then the lines of the child runs."""
    kept = kept_names(visit.records.get(KEPT))
    for name, record in visit.records.items():
        if name in kept:
            continue
        if (answer := _model_answer(record)) is not None:
            usage = usage_from_json(answer["usage"])
            counts = {**usage.to_json(), "estimated": int(usage.estimated)}
            yield {
                "model": answer["model"],
                "calls": 1,
                "latencyMs": answer["latencyMs"],
                **counts,
            }
        elif isinstance(record.value, dict) and CHILD_USAGE in record.value:
            yield from lines_of(record.value[CHILD_USAGE])


def calls_of(visit: Visit) -> list[Json]:
    """List the finished calls of a visit to models, tools and workflows, oldest first."""
    kept, kept_from = visit.records.get(KEPT), None
    if kept is not None and isinstance(kept.value, dict):
        kept_from = kept.value.get("runId")
    names = kept_names(kept)
    found: list[Json] = []
    for name, record in visit.records.items():
        call = call_of(name, record)
        if call is not None:
            found.append({**call, "keptFrom": kept_from} if name in names else call)
    return found


def call_of(name: str, record: Record) -> "JsonObject | None":
    """Describe the call in a record; None if the record holds something else."""
    value = record.value
    call: JsonObject = {"name": name, "endTime": iso_time(record.at_ms)}
    if (answer := _model_answer(record)) is not None:
        call |= {"model": answer["model"], "duration": answer["latencyMs"]}
        call |= usage_from_json(answer["usage"]).to_json()
        call |= {key: answer[key] for key in ("operation",) if key in answer}
    elif isinstance(value, dict) and value.keys() >= _TOOL_CALL:
        call |= {"tool": value["tool"], "ok": value["ok"], "duration": value["durationMs"]}
        call |= {key: value[key] for key in ("runId", "error", "attempts") if key in value}
    elif isinstance(value, dict) and "approved" in value:
        call |= {
            key: value[key] for key in ("approved", "by", "comment", "arguments") if key in value
        }
    elif isinstance(value, dict) and isinstance(value.get("decisions"), dict):
        call["decisions"] = value["decisions"]
    elif isinstance(value, dict) and value.keys() >= _ANSWERED:
        call |= {key: value[key] for key in ("value", "by", "comment") if key in value}
    else:
        return None
    return call


def _model_answer(record: Record) -> "JsonObject | None":
    value = record.value
    return value if isinstance(value, dict) and value.keys() >= _MODEL_CALL else None
