"""What steps have called and what it has cost: read from the records of their visits."""

from collections.abc import Iterable

from engine import Json, JsonObject, Record, Visit, iso_time

_COUNTS = ("calls", "inputTokens", "outputTokens", "latencyMs")
_MODEL_CALL = frozenset({"model", "usage", "latencyMs"})
_TOOL_CALL = frozenset({"tool", "ok", "durationMs"})
"""What a record of a call has; step types of others may record anything else."""


def usage_of(visits: Iterable[Visit]) -> Json:
    """Add up the tokens and calls of models, also by model; None where no model was called.

    `estimated` counts the calls whose provider did not say how many tokens they had; it is left
    out where all did.
    """
    totals = dict.fromkeys(_COUNTS, 0)
    by_model: dict[str, dict[str, int]] = {}
    for visit in visits:
        for record in visit.records.values():
            if (answer := _model_answer(record)) is None:
                continue
            spent = {**_tokens(answer), "calls": 1, "latencyMs": _number(answer.get("latencyMs"))}
            if _is_estimated(answer):
                spent["estimated"] = 1
            own = by_model.setdefault(str(answer["model"]), dict.fromkeys(_COUNTS, 0))
            for name, count in spent.items():
                totals[name] = totals.get(name, 0) + count
                own[name] = own.get(name, 0) + count
    if not by_model:
        return None
    models: list[Json] = [{"model": name, **spent} for name, spent in sorted(by_model.items())]
    return {**totals, "models": models}


def calls_of(visit: Visit) -> list[Json]:
    """List the finished calls of a visit, oldest first: to models, tools and workflows."""
    calls = (call_of(name, record) for name, record in visit.records.items())
    return [call for call in calls if call is not None]


def call_of(name: str, record: Record) -> "JsonObject | None":
    """Describe the call that a record keeps; None where it keeps something else."""
    value = record.value
    call: JsonObject = {"name": name, "endTime": iso_time(record.at_ms)}
    if (answer := _model_answer(record)) is not None:
        call |= {"model": answer["model"], "duration": answer["latencyMs"], **_tokens(answer)}
        if _is_estimated(answer):
            call["estimated"] = True
    elif isinstance(value, dict) and value.keys() >= _TOOL_CALL:
        call |= {"tool": value["tool"], "ok": value["ok"], "duration": value["durationMs"]}
        call |= {key: value[key] for key in ("runId", "error") if key in value}
    elif isinstance(value, dict) and "approved" in value:
        call |= {
            key: value[key] for key in ("approved", "by", "comment", "arguments") if key in value
        }
    else:
        return None
    return call


def _model_answer(record: Record) -> "JsonObject | None":
    value = record.value
    return value if isinstance(value, dict) and value.keys() >= _MODEL_CALL else None


def _is_estimated(answer: JsonObject) -> bool:
    usage = answer["usage"]
    return isinstance(usage, dict) and usage.get("estimated") is True


def _tokens(answer: JsonObject) -> dict[str, int]:
    usage = answer["usage"]
    known = usage if isinstance(usage, dict) else {}
    return {name: _number(known.get(name)) for name in ("inputTokens", "outputTokens")}


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0
