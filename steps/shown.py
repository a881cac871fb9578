"""What a question shows, as the pause keeps it: values as they are, files by what they hold."""

import asyncio
import hashlib
import json
import re
from collections.abc import Sequence

from engine import Json, JsonObject
from steps.asking import Shown
from steps.contract import StepBroke, StepInput
from steps.effects import Effects
from steps.stored_file import StoredFile
from steps.template import as_text

MOST_ROWS = 500
LONGEST = 100_000
_FILE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SMALL = 1_000_000


async def shown_parts(parts: Sequence[Shown], step: StepInput, effects: Effects) -> list[Json]:
    """Return what a question shows.

    Args:
        parts: What the step's settings name.
        step: The attempt that asks.
        effects: Where the files are read.

    Returns:
        Of each part its `kind`, its `title` where it has one, and either its `value` or the file
        with the hash of its bytes. What is long is cut, and says so by `cut`. A part whose value
        is null is left out.

    Raises:
        StepBroke: A file is not there.
    """
    told: list[Json] = []
    for part in parts:
        value = await part.value.rendered(step.scope)
        if value is None:
            continue
        shown = await _shown(part.kind, value, effects)
        if part.title is not None:
            shown = {"title": as_text(await part.title.rendered(step.scope)), **shown}
        told.append(shown)
    return told


async def _shown(kind: str, value: Json, effects: Effects) -> JsonObject:
    file = await _file(kind, value, effects)
    if file is not None:
        told = "email" if kind == "email" else "file"
        return {
            "kind": told, "fileId": file.file_id, "fileName": file.name,
            "mimeType": file.media_type, "size": len(file.content),
            "sha256": await _digest(file.content),
        }  # fmt: skip
    if kind in ("auto", "table") and _is_table(value):
        assert isinstance(value, list)  # noqa: S101 - looked at
        return _maybe_cut("table", value[:MOST_ROWS], is_cut=len(value) > MOST_ROWS)
    if kind == "auto" and isinstance(value, dict | list):
        return _maybe_cut("object", value, is_cut=False)
    text = value if isinstance(value, str) else as_text(value)
    named = kind if kind in ("markdown", "email") else "text"
    return _maybe_cut(named, text[:LONGEST], is_cut=len(text) > LONGEST)


def _maybe_cut(kind: str, value: Json, *, is_cut: bool) -> JsonObject:
    """Return a part of this kind, as text where its JSON is too long."""
    if not isinstance(value, str) and len(written := json.dumps(value)) > LONGEST:
        return {"kind": "text", "value": written[:LONGEST], "cut": True}
    return {"kind": kind, "value": value, **({"cut": True} if is_cut else {})}


def _is_table(value: Json) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


async def _file(kind: str, value: Json, effects: Effects) -> StoredFile | None:
    """Return the file that a value names; None where it is a value itself."""
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
            return None  # a text that only looks like the id of one
        raise


async def _digest(content: bytes) -> str:
    if len(content) <= _SMALL:
        return hashlib.sha256(content).hexdigest()
    return await asyncio.to_thread(lambda: hashlib.sha256(content).hexdigest())
