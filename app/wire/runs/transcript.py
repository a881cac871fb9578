"""Rebuilds conversations between models, tools and people from the records of a run's visits."""

import re
from collections.abc import Iterable, Iterator

from app.execution.usage import usage_of
from engine import Json, JsonObject, Record, Run, Visit, iso_time
from steps.agents.call import meant_tool
from steps.contract.records import KEPT, kept_names

_TURN = re.compile(r"turn-([0-9]+)|attempt-[0-9]+/answer-([0-9]+)")
_SLASH = re.compile("/")
_PERSON = ("approved", "value", "comment", "attachments", "arguments", "content", "result", "by")
_GUARD = ("workflow", "runId", "allowed", "reason")
_TOOL = ("tool", "ok", "result", "error", "runId", "attempts")


def transcript(run: Run, step_id: str | None = None, visit: int | None = None) -> JsonObject:
    """Return the conversations of a run, of one step, or of one of its visits."""
    visits: list[Json] = [
        _conversation(one)
        for one in run.history
        if step_id in (None, one.step_id) and visit in (None, one.visit) and _has_answers(one)
    ]
    return {"runId": run.id, "visits": visits}


def conversation(visit: Visit) -> "JsonObject | None":
    """Return the conversation of a visit, or None if no model has answered."""
    return _conversation(visit) if _has_answers(visit) else None


def _has_answers(visit: Visit) -> bool:
    return any(_TURN.fullmatch(name) for name in visit.records)


def _conversation(visit: Visit) -> JsonObject:
    begun = visit.records.get("agent")
    agent = begun.value.get("agent") if begun and isinstance(begun.value, dict) else None
    return {
        "stepId": visit.step_id,
        "visit": visit.visit,
        "stepType": visit.step_type,
        "status": visit.status.value,
        "agent": agent,
        "usage": usage_of([visit]),
        "messages": list(_messages(visit)),
    }


def _messages(visit: Visit) -> Iterator[JsonObject]:
    """Yield the messages in order: each turn with its calls, as the model received them."""
    yield from _guards(visit, "guard/before-")
    kept = kept_names(visit.records.get(KEPT))
    answers = [name for name in visit.records if _TURN.fullmatch(name)]
    below = _below(answers, visit)
    for name in answers:
        record = visit.records[name]
        answer = record.value
        if not isinstance(answer, dict):
            continue
        if (summary := visit.records.get(f"{name}/summary")) is not None:
            yield _summary(name, summary)
        asked = answer.get("asked")
        yield from (
            (item for item in asked if isinstance(item, dict)) if isinstance(asked, list) else ()
        )
        calls = answer.get("toolCalls")
        message: JsonObject = {
            "role": "assistant",
            "name": name,
            "text": answer.get("text"),
            "calls": _calls(name, calls if isinstance(calls, list) else []),
            "finish": answer.get("finish"),
            "model": answer.get("model"),
            "usage": answer.get("usage"),
            "duration": answer.get("latencyMs"),
            "at": iso_time(record.at_ms),
        }
        if "agent" in answer:
            message["agent"] = answer["agent"]
        yield {**message, "kept": True} if name in kept else message
        yield from _of_turn(below[name])
    for name, record in visit.records.items():
        if name.startswith("limit-"):
            yield _person(name, record)
    yield from _guards(visit, "guard/after-")


def _guards(visit: Visit, begin: str) -> Iterator[JsonObject]:
    """Yield the verdicts of workflows that guard the agent."""
    for name, record in visit.records.items():
        if name.startswith(begin) and isinstance(value := record.value, dict):
            verdict: JsonObject = {key: value[key] for key in _GUARD if key in value}
            yield {"role": "guard", "name": name, **verdict, "at": iso_time(record.at_ms)}


def _summary(turn: str, record: Record) -> JsonObject:
    """Return the summary that replaced earlier messages for the model from this turn on."""
    value = record.value if isinstance(record.value, dict) else {}
    return {
        "role": "summary",
        "name": f"{turn}/summary",
        "text": value.get("text"),
        "model": value.get("model"),
        "usage": value.get("usage"),
        "duration": value.get("latencyMs"),
        "at": iso_time(record.at_ms),
    }


def _below(turns: Iterable[str], visit: Visit) -> dict[str, list[tuple[str, Record]]]:
    """Return the records of each turn's calls, in a single pass."""
    found: dict[str, list[tuple[str, Record]]] = {turn: [] for turn in turns}
    for name, record in visit.records.items():
        for end in _SLASH.finditer(name):
            if (kept := found.get(name[: end.start()])) is not None:
                kept.append((name, record))
    return found


def _of_turn(records: Iterable[tuple[str, Record]]) -> Iterator[JsonObject]:
    """Yield the decisions on and results of a turn's calls, call by call."""
    for name, record in sorted(records, key=lambda item: _place(item[0])):
        value = record.value
        if not isinstance(value, dict):
            continue
        if isinstance(decisions := value.get("decisions"), dict):
            for call, decision in decisions.items():
                if isinstance(decision, dict):
                    yield _person(f"{call}/approval", Record(record.at_ms, decision))
        elif "by" in value:
            yield _person(name, record)
        elif "ok" in value:
            outcome: JsonObject = {key: value[key] for key in _TOOL if key in value}
            yield {
                "role": "tool", "call": name, **outcome,
                "duration": value.get("durationMs"), "at": iso_time(record.at_ms),
            }  # fmt: skip


def _calls(turn: str, calls: list[Json]) -> list[Json]:
    return [
        {
            "call": f"{turn}/call-{number}",
            "tool": meant_tool(str(call.get("name"))),
            "arguments": call.get("arguments"),
            **({"text": call["text"]} if call.get("arguments") is None else {}),
        }
        for number, call in enumerate(calls, 1)
        if isinstance(call, dict)
    ]


def _person(name: str, record: Record) -> JsonObject:
    value = record.value if isinstance(record.value, dict) else {}
    said: JsonObject = {key: value[key] for key in _PERSON if key in value}
    return {"role": "person", "about": name, **said, "at": iso_time(record.at_ms)}


def _place(name: str) -> tuple[int, bool, str]:
    """Return the sort key of a record within its turn: by call, decisions first."""
    call = re.search(r"/call-([0-9]+)", name)
    return (int(call[1]) if call else 0, name.count("/") == 1, name)
