"""What a model is told of its calls beside their results."""

import json

from engine import Json, JsonObject
from steps.document.outputs import NO_RESULT
from steps.effects.chat import Part, TextPart


def of_workflow(end: Json) -> Json:
    """Return what a workflow that was called gives: its result, and its data without one."""
    if not isinstance(end, dict) or "data" not in end:
        return end
    result = end.get("result")
    has_its_own = result not in (None, NO_RESULT)
    return {"result": result} if has_its_own else {"result": result, "data": end["data"]}


def told_edit(arguments: JsonObject) -> str:
    """Return what the model is told of arguments that a person has changed."""
    told = json.dumps(arguments, ensure_ascii=False)
    return f"(A person changed the arguments of this call before it was made. They were: {told})"


def error_of(kind: str, message: str, longest: int = 2_000) -> JsonObject:
    """Return an error as a record keeps it."""
    return {"type": kind, "message": message[:longest]}


def told_error(kind: str, message: str, longest: int = 2_000) -> tuple[Part, ...]:
    """Return what the model is told of a call that was not made, or failed."""
    error = {"error": error_of(kind, message, longest)}
    return (TextPart(json.dumps(error, ensure_ascii=False)),)
