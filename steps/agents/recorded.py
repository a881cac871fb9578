"""Answers an agent's calls with those of a recorded visit.

This tests an agent or a model on past work: nothing is called and nobody is asked.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from engine import Json, JsonObject
from engine.value import value
from steps.agents.tools import offer_from_json
from steps.effects.chat import ChatAnswer, answer_from_json

EXACT, NEAR, NONE = "exact", "near", "none"
"""How well a recorded call matches: the same arguments, only the same tool, or not at all."""

_KEPT = ("ok", "result", "error")


@value(frozen=True, slots=True)
class RecordedCall:
    """One call of a recorded visit.

    Attributes:
        name: The name of its record.
        tool: The id of the tool or the workflow.
        outcome: The outcome in its record: `ok`, with `result` or `error`.
    """

    name: str
    tool: str
    arguments: "JsonObject | None"
    outcome: JsonObject


def answers_in(records: Mapping[str, Json]) -> list[ChatAnswer]:
    """Return the model's answers in the records of a visit, turn by turn."""
    found: list[ChatAnswer] = []
    while isinstance(answer := records.get(f"turn-{len(found) + 1}"), dict):
        found.append(answer_from_json(answer))
    return found


def calls_in(records: Mapping[str, Json]) -> list[RecordedCall]:
    """Return the calls in the records of a visit that have an outcome, in order."""
    offers = [offer_from_json(item) for begun in _begun(records) for item in begun["tools"]]
    ids = {offer.name: offer.id for offer in offers} | {offer.id: offer.id for offer in offers}
    found: list[RecordedCall] = []
    for turn, answer in enumerate(answers_in(records), 1):
        for number, call in enumerate(answer.tool_calls, 1):
            name = f"turn-{turn}/call-{number}"
            outcome = _outcome(records, name, f"turn-{turn}")
            if outcome is not None:
                tool = ids.get(call.name, call.name)
                found.append(RecordedCall(name, tool, call.arguments, outcome))
    return found


def _begun(records: Mapping[str, Json]) -> Iterator[Any]:
    """Yield the agents of a visit: the first, and those that took over."""
    if records.get("agent"):
        yield records["agent"]
    for kept in records.values():
        if isinstance(kept, dict) and isinstance(kept.get("handoff"), dict):
            yield kept["handoff"]


def _outcome(records: Mapping[str, Json], name: str, turn: str) -> "JsonObject | None":
    kept: Any = records.get(name)
    if isinstance(kept, dict) and "ok" in kept:
        return {key: kept[key] for key in _KEPT if key in kept}
    decision: Any = records.get(f"{name}/approval")
    number = 1
    while decision is None and isinstance(some := records.get(f"{turn}/approvals-{number}"), dict):
        decisions: Any = some.get("decisions", {})
        decision = decisions.get(name)
        number += 1
    if not isinstance(decision, dict) or decision.get("approved"):
        return None
    comment = f": {decision['comment']}" if decision.get("comment") else ""
    error: JsonObject = {"type": "Rejected", "message": f"a person rejected this call{comment}"}
    return {"ok": False, "error": error}


class RecordedCalls:
    """Answers calls with those of a recorded visit, each of which is used once.

    If no unused call has the same arguments, a used one with the same arguments is repeated; if
    there is none, the next call of the same tool is used.
    """

    def __init__(self, records: Mapping[str, Json]) -> None:
        self._calls = calls_in(records)
        self._used: set[str] = set()

    def used(self, kept: Mapping[str, Json]) -> None:
        """Mark the recorded outcome of a call as used."""
        self._used.add(str(kept.get("recordedAs")))

    def outcome(self, tool: str, arguments: JsonObject) -> JsonObject:
        """Return the outcome to record for a call."""
        same = [call for call in self._calls if call.tool == tool]
        exact = [call for call in same if _plain(call.arguments) == _plain(arguments)]
        fresh = [call for call in exact if call.name not in self._used]
        near = [call for call in same if call.name not in self._used]
        if exact:
            chosen, match = (fresh or exact[-1:])[0], EXACT
        elif near:
            chosen, match = near[0], NEAR
        else:
            message = f"{tool} was not called in the run whose calls are given back here"
            error: JsonObject = {"type": "NotRecorded", "message": message}
            return {"ok": False, "error": error, "match": NONE}
        self._used.add(chosen.name)
        return {**chosen.outcome, "recordedAs": chosen.name, "match": match}


def _plain(value: Json) -> str:
    return json.dumps(value, sort_keys=True)
