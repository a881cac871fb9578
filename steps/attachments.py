"""Uploaded files as parts of a message: pictures as they are, all else as text."""

import codecs
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath

from engine import Json
from steps.chat import IMAGE_TYPES, ImagePart, Part, TextPart
from steps.contract import StepBroke
from steps.effects import Effects
from steps.stored_file import StoredFile
from steps.template import Template

_DOCUMENTS = frozenset(
    {".pdf", ".doc", ".docx", ".odt", ".rtf", ".xls", ".xlsx", ".ods", ".ppt", ".pptx", ".odp"}
    | {".eml", ".msg", ".mht", ".mhtml", ".epub"}
)
_MAGIC = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"{\\rtf")
_PDF, _PDF_BEGINS_WITHIN = b"%PDF-", 1_024


def file_ids(value: Json, setting: str) -> list[str]:
    """Return the ids that a rendered setting names; null names none. Raises `StepBroke`."""
    if value is None:
        return []
    ids = value if isinstance(value, list) else [value]
    found = [item for item in ids if isinstance(item, str) and item]
    if len(found) < len(ids):
        message = f"{setting} must be the id of a file or a list of ids"
        raise StepBroke("InvalidRequest", message, retryable=False)
    return found


async def attached(
    files: Sequence[Template], scope: Mapping[str, Json], effects: Effects
) -> list[Part]:
    """Read the files that a step's setting `files` names. Raises `StepBroke`."""
    parts: list[Part] = []
    for index, template in enumerate(files):
        for file_id in file_ids(await template.rendered(scope), f"files[{index}]"):
            parts.append(await as_part(file_id, effects))  # noqa: PERF401 - one after another
    return parts


async def as_part(file_id: str, effects: Effects) -> Part:
    """Read a file for a model. Raises `StepBroke` when it gives neither picture nor text."""
    stored = await effects.file(file_id)
    media_type = stored.media_type.partition(";")[0].strip().lower()
    if media_type in IMAGE_TYPES:
        return ImagePart(media_type, stored.content)
    if _is_document(stored):
        text = await _extracted(stored, effects)
    else:
        text = _plain(stored, media_type)
    return TextPart(f"File {stored.name}:\n\n{text}")


def _is_document(stored: StoredFile) -> bool:
    """Judge by content and name; the declared type of a CSV file is often Excel's."""
    suffix = PurePath(stored.name).suffix.lower()
    is_pdf = _PDF in stored.content[:_PDF_BEGINS_WITHIN]
    return is_pdf or stored.content.startswith(_MAGIC) or suffix in _DOCUMENTS


async def _extracted(stored: StoredFile, effects: Effects) -> str:
    arguments: dict[str, Json] = {"fileId": stored.file_id}
    result = await effects.tool("extract-document", arguments, f"file-{stored.file_id}")
    text = result.get("text") if isinstance(result, dict) else None
    if not isinstance(text, str):
        raise _unsupported(stored)
    if not text.strip():
        message = f"file {stored.name} has no text that can be read; is it a scan?"
        raise StepBroke("UnsupportedFile", message, retryable=False)
    return "\n\n".join([text, *_missing(result)])


def _missing(result: Json) -> Iterator[str]:
    """Return what a model has to know about a text that is not the whole file."""
    if not isinstance(result, dict):
        return
    left_out = result.get("leftOut")
    if isinstance(left_out, list) and left_out:
        yield f"(Not in this text: {'; '.join(map(str, left_out))}.)"
    if result.get("truncated") is True:
        yield "(The file goes on.)"


def _plain(stored: StoredFile, media_type: str) -> str:
    has_mark = stored.content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = stored.content.decode("utf-16" if has_mark else "utf-8-sig")
    except UnicodeDecodeError as neither:
        if not media_type.startswith("text/"):
            raise _unsupported(stored) from neither
        text = stored.content.decode("cp1252", "replace")
    if "\0" in text:
        raise _unsupported(stored)
    return text


def _unsupported(stored: StoredFile) -> StepBroke:
    message = (
        f"file {stored.name} ({stored.media_type}) cannot be shown to a model; it takes pictures "
        "(PNG, JPEG, GIF, WebP), text, PDF and office documents"
    )
    return StepBroke("UnsupportedFile", message, retryable=False)
