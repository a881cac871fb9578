"""What a tool of an MCP server gave, as the JSON value that a step gets."""

import json
from collections.abc import Sequence

from pydantic_core import to_jsonable_python

from engine import Json, JsonObject
from steps.contract.step_type import StepBroke
from steps.language.strict_json import must_fit
from steps.tools.result import bytes_of, text_of, without_bytes

LONGEST_RESULT = 1_000_000
_MOST_BYTES = 900_000
_LONGEST_ERROR = 2_000


def result_of(
    tool_id: str, content: Sequence[JsonObject], structured: Json, *, is_error: bool
) -> Json:
    """Return the structured result, else the parts and all their text. Raises `StepBroke`.

    Beside a structured result, parts that are no text are its `content`. The bytes of pictures
    and files that are too long are left out, and `omitted` says so.
    """
    text = "\n".join(filter(None, map(text_of, content)))
    if is_error:
        why = text.strip() or (json.dumps(structured) if structured else "it did not say why")
        raise StepBroke("ToolFailed", f"tool {tool_id} failed: {why}"[:_LONGEST_ERROR])
    parts: list[Json] = [_plain(part) for part in _within(content)]
    others = [part for part in parts if isinstance(part, dict) and part.get("type") != "text"]
    if structured is None:
        found: Json = {"content": parts, "text": text}
    elif isinstance(structured, dict) and others and "content" not in structured:
        found = {**structured, "content": others}  # type: ignore[dict-item] # parts are JSON
    else:
        found = structured
    plain: Json = to_jsonable_python(found)
    what = f"tool {tool_id} gave what is"
    try:
        size = must_fit(what, plain, "InvalidToolResult")
    except StepBroke:
        plain = _mended(plain)
        size = must_fit(what, plain, "InvalidToolResult")
    if size > LONGEST_RESULT:
        message = f"tool {tool_id} gave {size} bytes; at most {LONGEST_RESULT} are taken"
        raise StepBroke("InvalidToolResult", message, retryable=False)
    return plain


def _mended(value: Json) -> Json:
    """Return a value without what JSON cannot hold: halves of characters, and no numbers."""
    text = json.dumps(value, ensure_ascii=False)
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    mended: Json = json.loads(whole, parse_constant=str)
    return mended


def _within(content: Sequence[JsonObject]) -> list[JsonObject]:
    """Return the parts, without the bytes of those that do not find room any more."""
    room, kept = _MOST_BYTES, []
    for part in content:
        size = len(bytes_of(part))
        fits = size <= room
        room -= size if fits else 0
        kept.append(part if fits else without_bytes(part))
    return kept


def _plain(part: JsonObject) -> JsonObject:
    if part.get("type") == "text":
        return {"type": "text", "text": part.get("text")}
    return part
