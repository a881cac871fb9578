"""Tools that ask a person: the run waits, and the tool is called again with the answer.

Tools of MCP servers do that (elicitation). Questions and answers are records of the visit. The
answer is passed whenever the tool is called again, also after a crash; a tool whose server has sent
its state continues from there.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from engine import Json, JsonObject, Pause, Pauses
from steps.contract.records import keep
from steps.contract.step_type import GoesOn, InvalidAnswer, Problem, StepBroke, StepInput, listed
from steps.effects.effects import Effects
from steps.fields.field_specs import spec_problems
from steps.fields.fields import Fields

ACCEPT, DECLINE = "accept", "decline"
_LABELS = {ACCEPT: "Continue", DECLINE: "Decline"}
_MOST_FIELDS = 50
_LONGEST = 4_000
_LARGEST = 50_000
_LARGEST_STANDING = 200_000
_COPIED = (
    "type", "title", "description", "default", "enum", "format", "minimum", "maximum", "minLength",
    "maxLength", "pattern", "minItems", "maxItems", "items",
)  # fmt: skip


class ToolAsks(StepBroke):
    """A tool cannot continue until a person has answered.

    Attributes:
        question: `message`, and either `schema` (JSON Schema of an object) or `url`, the page to
            visit.
        standing: The state from which the tool's server continues after the answer, as JSON; None
            if the tool must be called from the beginning.
    """

    def __init__(
        self, tool_id: str, question: JsonObject, standing: "JsonObject | None" = None
    ) -> None:
        self.tool_id, self.question, self.standing = tool_id, question, standing
        message = f"tool {tool_id} asks a person: {question['message']}"
        super().__init__("ToolAsks", message[:_LONGEST], retryable=False)


def asking(tool_id: str, question: JsonObject, standing: "JsonObject | None" = None) -> StepBroke:
    """Return the failure of a call whose tool asks: `ToolAsks`, if people can be asked that."""
    fields = fields_of(question.get("schema"))
    size = len(json.dumps([question["message"], question.get("url"), fields]))
    wrong = (
        [*spec_problems(fields, "fields", outputs=False, stored=True)] if size <= _LARGEST else []
    )
    if size <= _LARGEST and not wrong:
        return ToolAsks(tool_id, question, standing)
    why = (
        listed(wrong)
        if wrong
        else f"it has {size:,} characters, and at most {_LARGEST:,} are allowed"
    )
    message = f"tool {tool_id} asks a person something that a form cannot ask: {why}"
    return StepBroke("InvalidToolResult", message[:_LONGEST], retryable=False)


def answers_to(recalled: Callable[[str], Json], call: str) -> list[JsonObject]:
    """Return the answers of people to a call of a tool; `call` is the prefix of the records.

    Each has the `standing` of the tool that asked, if its server has sent one.
    """
    found: list[JsonObject] = []
    while isinstance(kept := recalled(f"{call}asked-{len(found) + 1}"), dict):
        asked = recalled(f"{call}asks-{len(found) + 1}")
        standing = asked.get("standing") if isinstance(asked, dict) else None
        found.append(kept if standing is None else {**kept, "standing": standing})
    return found


def digest_of(question: Mapping[str, Json]) -> str:
    """Return a digest that identifies a question."""
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()[:16]


async def pause_for(step: StepInput, effects: Effects, asks: ToolAsks, call: str) -> Pauses:
    """Record a question and return its pause, so that the tool is not called for it again."""
    number = len(answers_to(effects.recalled, call)) + 1
    standing = asks.standing
    if standing is not None and len(json.dumps(standing)) > _LARGEST_STANDING:
        standing = None
    asked: JsonObject = {
        "tool": asks.tool_id, "question": asks.question, "digest": digest_of(asks.question),
        "standing": standing,
    }  # fmt: skip
    return _pause(step, await keep(effects, f"{call}asks-{number}", asked), call, number)


def open_pause(step: StepInput, effects: Effects, call: str) -> Pauses | None:
    """Return the pause of a tool's question that is not answered yet, else None."""
    number = len(answers_to(effects.recalled, call)) + 1
    asked = effects.recalled(f"{call}asks-{number}")
    return None if asked is None else _pause(step, asked, call, number)


def _pause(step: StepInput, asked: Json, call: str, number: int) -> Pauses:
    """Return a form with the fields of a question; two buttons if it has no fields."""
    kept: Any = asked
    question = kept["question"]
    fields = fields_of(question.get("schema"))
    body: JsonObject = {
        "stepId": step.step_id,
        "message": str(question["message"])[:_LONGEST],
        "tool": kept["tool"],
        "toolAsks": {"record": f"{call}asked-{number}", "question": kept["digest"]},
    }
    if fields:
        return Pauses(Pause("collect_inputs", {**body, "fields": {**fields}}))
    if url := question.get("url"):
        body["message"] = f"{body['message']}\n\n{url}"
        body["url"] = url
    actions: list[Json] = [{"value": value, "label": label} for value, label in _LABELS.items()]
    action_id = f"{step.step_id}/{call}asked-{number}"
    return Pauses(Pause("request_user_action", {**body, "actionId": action_id, "actions": actions}))


def fields_of(schema: Json) -> dict[str, JsonObject]:
    """Return the properties of a schema as fields, as far as a form can show them."""
    held: Any = schema if isinstance(schema, dict) else {}
    required = held.get("required")
    named: Any = held.get("properties")
    found: dict[str, JsonObject] = {}
    for name, spec in list(named.items() if isinstance(named, dict) else ())[:_MOST_FIELDS]:
        if isinstance(spec, dict):
            field = {key: spec[key] for key in _COPIED if spec.get(key) is not None}
            field["type"] = _kind(spec)
            choices = _choices(spec)
            if choices is not None:
                field["enum"] = choices
            items = spec.get("items")
            if isinstance(items, dict):
                picked = _choices(items)
                field["items"] = {"type": "string", **({"enum": picked} if picked else {})}
            field["required"] = isinstance(required, list) and name in required
            found[name] = field
    return found


def _kind(spec: Mapping[str, Any]) -> Any:
    """Return the type of a property: the first that is not null, or text if it has none."""
    kind = spec.get("type", "string")
    kinds = [one for one in kind if one != "null"] if isinstance(kind, list) else [kind]
    return kinds[0] if kinds else "string"


def _choices(spec: Mapping[str, Any]) -> "list[Json] | None":
    """Return the values of choices with titles."""
    for key in ("oneOf", "anyOf"):
        listed = spec.get(key)
        if isinstance(listed, list):
            return [one["const"] for one in listed if isinstance(one, dict) and "const" in one]
    return None


def accepted(pause: JsonObject, answer: JsonObject) -> GoesOn | None:
    """Return the record for an answer; None if the pause is about something else.

    Raises `InvalidAnswer` if the answer does not fit; the run stays paused.
    """
    asks = pause.get("toolAsks")
    if not isinstance(asks, dict):
        return None
    fields, given = pause.get("fields"), answer.get("data")
    value = answer.get("actionValue")
    problems: list[Problem] = []
    if value is None and isinstance(fields, dict):
        value = ACCEPT
    if value not in _LABELS:
        problems.append(Problem("actionValue", f"must be {ACCEPT} or {DECLINE}"))
    elif "actionId" in pause and answer.get("actionId") != pause["actionId"]:
        problems.append(Problem("actionId", f"must be {pause['actionId']!r}"))
    elif value == ACCEPT and isinstance(fields, dict):
        if isinstance(given, dict):
            problems += [
                Problem(f"data.{name}", "was not asked for") for name in given.keys() - fields
            ]
            specs = {name: spec for name, spec in fields.items() if isinstance(spec, dict)}
            problems += Fields(specs).check(given)
        else:
            problems.append(Problem("data", "is required: an object with the answer"))
    if problems:
        raise InvalidAnswer(problems)
    kept: JsonObject = {
        "value": value, "by": answer["answeredBy"], "at": answer["answeredAt"],
        "question": asks["question"],
    }  # fmt: skip
    if value == ACCEPT and isinstance(given, dict) and isinstance(fields, dict):
        kept["content"] = {**given}
    return GoesOn(str(asks["record"]), kept)
