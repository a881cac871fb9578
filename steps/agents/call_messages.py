"""The messages about its calls that a model receives in addition to their results."""

import json

from engine import Json, JsonObject
from steps.document.outputs import NO_RESULT
from steps.effects.chat import Part, TextPart


def of_workflow(end: Json) -> Json:
    """Return what a called workflow gives: its result, or its data if it has no result."""
    if not isinstance(end, dict) or "data" not in end:
        return end
    result = end.get("result")
    has_its_own = result not in (None, NO_RESULT)
    return {"result": result} if has_its_own else {"result": result, "data": end["data"]}


def edit_message(arguments: JsonObject) -> str:
    """Return the message for the model about arguments that a person has changed."""
    written = json.dumps(arguments, ensure_ascii=False)
    return f"(A person changed the arguments of this call before it was made. They were: {written})"


def error_of(kind: str, message: str, longest: int = 2_000) -> JsonObject:
    """Return an error in the form that a record keeps."""
    return {"type": kind, "message": message[:longest]}


def error_message(kind: str, message: str, longest: int = 2_000) -> tuple[Part, ...]:
    """Return the message for the model about a call that failed or was not made."""
    error = {"error": error_of(kind, message, longest)}
    return (TextPart(json.dumps(error, ensure_ascii=False)),)
