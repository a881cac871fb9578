"""The tool with which an agent asks a person; the run waits, and the answer is the result."""

from engine import Json, JsonObject, Pause, Pauses
from steps.contract.step_type import GoesOn, InvalidAnswer, Problem, StepInput
from steps.effects.effects import ToolInfo
from steps.fields.fields import Fields

ASK_USER = "ask-user"
_ANSWER = "answer"

INFO = ToolInfo(
    ASK_USER,
    "Ask a person something that no other tool can tell, and wait for the answer. Ask one thing at "
    "a time, in a way that can be understood without this conversation.",
    {
        "type": "object",
        "properties": {
            "question": {"type": "string", "minLength": 1, "maxLength": 4_000},
            "options": {
                "type": "array",
                "items": {"type": "string", "minLength": 1, "maxLength": 200},
                "minItems": 1,
                "maxItems": 20,
                "description": "the answers that there are, where they are few",
            },
        },
        "required": ["question"],
        "additionalProperties": False,
    },
)
"""The description of the tool for the model."""


def question(step: StepInput, call: str, arguments: JsonObject) -> Pauses:
    """Return the question that a call asks."""
    spec: dict[str, Json] = {"type": "string", "title": "Answer"}
    if options := arguments.get("options"):
        spec["enum"] = options
    body: JsonObject = {
        "stepId": step.step_id,
        "fields": {_ANSWER: spec},
        "message": arguments["question"],
        "question": {"call": call, "tool": ASK_USER},
    }
    return Pauses(Pause("collect_inputs", body))


def answered(pause: JsonObject, answer: JsonObject) -> GoesOn | None:
    """Return the record of a call that a person has answered; None for any other pause.

    Raises `InvalidAnswer` if the answer does not fit; the run stays paused.
    """
    asked, fields, given = pause.get("question"), pause.get("fields"), answer.get("data")
    if not isinstance(asked, dict) or not isinstance(fields, dict):
        return None
    if not isinstance(given, dict):
        raise InvalidAnswer([Problem("data", "is required: an object with the answer")])
    problems = [Problem(f"data.{name}", "was not asked for") for name in given.keys() - fields]
    specs = {name: spec for name, spec in fields.items() if isinstance(spec, dict)}
    problems += Fields(specs).check(given)
    if problems:
        raise InvalidAnswer(problems)
    kept: JsonObject = {
        "tool": ASK_USER, "ok": True, "result": given[_ANSWER], "durationMs": 0,
        "answeredBy": answer["answeredBy"],
    }  # fmt: skip
    return GoesOn(str(asked["call"]), kept)
