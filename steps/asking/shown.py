"""The items that a question shows, as the pause stores them: values, or details of files."""

import hashlib
import json
import re
from collections.abc import Sequence
from functools import partial

from engine import Json, JsonObject
from steps.asking.settings import Shown
from steps.contract.step_type import StepBroke, StepInput
from steps.effects.effects import Effects
from steps.effects.stored_file import StoredFile
from steps.language.beside import beside, beside_if_long
from steps.language.template import as_text

MOST_ROWS = 500
LONGEST = 100_000
"""The most characters of one item."""

LONGEST_TOGETHER = 300_000
LONGEST_TITLE = 200
_FILE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SMALL = 1_000_000


async def shown_parts(parts: Sequence[Shown], step: StepInput, effects: Effects) -> list[Json]:
    """Return the items that a question shows.

    Args:
        parts: The items in the step's settings.
        step: The attempt that asks.
        effects: Reads the files.

    Returns:
        For each item its `kind`, its `title` if it has one, and either its `value` or the file with
        the hash of its bytes. An item that is too long, alone or together with those before it, is
        cut and marked with `cut`. An item whose value is null is left out.

    Raises:
        StepBroke: A file does not exist.
    """
    parts_shown: list[Json] = []
    left = LONGEST_TOGETHER
    for part in parts:
        value = await part.value.rendered(step.scope)
        if value is None:
            continue
        shown, size = await _shown(part.kind, value, effects, min(LONGEST, left))
        left -= size
        if part.title is not None:
            title = as_text(await part.title.rendered(step.scope))
            shown = {"title": title[:LONGEST_TITLE], **shown}
        parts_shown.append(shown)
    return parts_shown


async def _shown(kind: str, value: Json, effects: Effects, longest: int) -> tuple[JsonObject, int]:
    """Return an item and how many characters it has."""
    file = await _file(kind, value, effects)
    if file is not None:
        file_kind = "email" if kind == "email" else "file"
        return {
            "kind": file_kind, "fileId": file.file_id, "fileName": file.name,
            "mimeType": file.media_type, "size": len(file.content),
            "sha256": await _digest(file.content),
        }, 0  # fmt: skip
    is_table = kind in ("auto", "table") and _is_table(value)
    if is_table or (kind == "auto" and isinstance(value, dict | list)):
        kept = value[:MOST_ROWS] if is_table and isinstance(value, list) else value
        written = await _written(kept)
        if len(written) <= longest:
            shown: JsonObject = {"kind": "table" if is_table else "object", "value": kept}
            return (shown if kept == value else {**shown, "cut": True}), len(written)
        text, kind = written, "text"
    else:
        text = value if isinstance(value, str) else await _written(value)
        kind = kind if kind in ("markdown", "email") else "text"
    shown = {"kind": kind, "value": text[:longest]}
    return (shown if len(text) <= longest else {**shown, "cut": True}), min(len(text), longest)


async def _written(value: Json) -> str:
    """Return a value as JSON, written without blocking the event loop."""
    return await beside_if_long(value, partial(json.dumps, value))


def _is_table(value: Json) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


async def _file(kind: str, value: Json, effects: Effects) -> StoredFile | None:
    """Return the file that a value names; None if the value is not a file id."""
    named = value.get("fileId") if isinstance(value, dict) else value
    if not isinstance(named, str):
        return None
    looks_like_one = isinstance(value, dict) or _FILE_ID.fullmatch(named) is not None
    if kind != "file" and not (kind in ("auto", "email") and looks_like_one):
        return None
    try:
        return await effects.file(named)
    except StepBroke as missing:
        if kind == "auto" and not isinstance(value, dict) and missing.error.type == "FileNotFound":
            return None  # the text only looks like a file id
        raise


async def _digest(content: bytes) -> str:
    if len(content) <= _SMALL:
        return hashlib.sha256(content).hexdigest()
    return await beside(lambda: hashlib.sha256(content).hexdigest())
