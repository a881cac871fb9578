"""Stores pictures and sound that models and tools have made as files."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from mimetypes import guess_extension

from engine import Json, JsonObject
from steps.contract.step_type import StepBroke
from steps.effects.chat import ChatAnswer
from steps.effects.effects import Effects
from steps.tools.result import bytes_of, content_of, file_id_of, is_picture, with_file


async def kept_answer(answer: ChatAnswer, name: str, effects: Effects) -> ChatAnswer:
    """Return an answer whose pictures and sound are stored as files. Raises `StepBroke`."""
    files: list[JsonObject] = []
    for number, part in enumerate(answer.made, 1):
        called = part.name or _named(f"{name}-{number}", part.media_type)
        file_id = await effects.save_file(called, part.media_type, part.content, name)
        files.append(
            {
                "fileId": file_id,
                "fileName": called,
                "mimeType": part.media_type,
                "size": len(part.content),
            }
        )
    return replace(answer, made=(), files=tuple(files)) if files else answer


async def kept_result(result: Json, name: str, effects: Effects) -> Json:
    """Return a tool's result with the bytes of its parts stored as files and replaced by ids.

    Raises `StepBroke`.
    """
    content = content_of(result)
    if content is None or not any(map(bytes_of, content)):
        return result
    assert isinstance(result, dict)  # noqa: S101 - it has `content`
    parts: list[Json] = []
    for number, part in enumerate(content, 1):
        raw = _decoded(part)
        if not raw:
            parts.append(part)
            continue
        called, media_type = _name_and_type(part, f"{name}-{number}")
        file_id = await effects.save_file(called, media_type, raw, name)
        parts.append(with_file(part, file_id, len(raw)))
    return {**result, "content": parts}


async def pictures_of(result: Json, effects: Effects) -> Mapping[str, bytes]:
    """Return the pictures of a stored result by their file ids, without deleted ones."""
    found: dict[str, bytes] = {}
    for part in content_of(result) or ():
        file_id = file_id_of(part)
        if file_id and is_picture(part):
            try:
                found[file_id] = (await effects.file(file_id)).content
            except StepBroke as gone:
                if gone.error.type != "FileNotFound":
                    raise
    return found


def _decoded(part: JsonObject) -> bytes:
    try:
        return base64.b64decode(bytes_of(part), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _name_and_type(part: JsonObject, otherwise: str) -> tuple[str, str]:
    resource = part.get("resource")
    holder = resource if isinstance(resource, dict) else part
    declared = str(holder.get("mimeType") or "").partition(";")[0].strip().lower()
    media_type = declared if declared.isascii() and "/" in declared else "application/octet-stream"
    name = str(holder.get("name") or holder.get("uri") or "").rstrip("/").rpartition("/")[2]
    plain = "".join(one for one in name if one.isprintable() and one != "\\")[:200]
    return plain or _named(otherwise, media_type), media_type


def _named(name: str, media_type: str) -> str:
    return name.replace("/", "-") + (guess_extension(media_type) or "")
