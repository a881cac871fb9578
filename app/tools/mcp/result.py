"""What a tool of an MCP server gave, as the JSON value that a step gets."""

from collections.abc import Sequence

from pydantic_core import to_jsonable_python

from engine import Json, JsonObject
from steps.contract import StepBroke
from steps.strict_json import must_fit

LONGEST_RESULT = 1_000_000
_LONGEST_ERROR = 2_000


def result_of(
    tool_id: str, content: Sequence[JsonObject], structured: Json, *, is_error: bool
) -> Json:
    """Return the structured result, else the parts and all their text. Raises `StepBroke`."""
    text = "\n".join(str(part.get("text", "")) for part in content if part.get("type") == "text")
    if is_error:
        told = text.strip() or "it did not say why"
        raise StepBroke("ToolFailed", f"tool {tool_id} failed: {told}"[:_LONGEST_ERROR])
    found: Json = structured
    if structured is None:
        found = {"content": [_plain(part) for part in content], "text": text}
    plain: Json = to_jsonable_python(found, inf_nan_mode="strings")
    size = must_fit(f"tool {tool_id} gave what is", plain, "InvalidToolResult")
    if size > LONGEST_RESULT:
        message = f"tool {tool_id} gave {size} bytes; at most {LONGEST_RESULT} are taken"
        raise StepBroke("InvalidToolResult", message, retryable=False)
    return plain


def _plain(part: JsonObject) -> JsonObject:
    if part.get("type") == "text":
        return {"type": "text", "text": part.get("text")}
    return part
