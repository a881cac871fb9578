"""Uploaded files as parts of a message: unchanged if the model accepts them, else as text."""

import codecs
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePath

from engine import Json
from steps.contract.step_type import StepBroke
from steps.effects.chat import AUDIO_FORMATS, IMAGE_TYPES, PDF, FilePart, ImagePart, Part, TextPart
from steps.effects.effects import Effects
from steps.effects.stored_file import StoredFile
from steps.language.template import Template

_DOCUMENTS = frozenset(
    {".pdf", ".doc", ".docx", ".odt", ".rtf", ".xls", ".xlsx", ".ods", ".ppt", ".pptx", ".odp"}
    | {".eml", ".msg", ".mht", ".mhtml", ".epub"}
)
_MAGIC = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"{\\rtf")
MOST_BYTES = 15_000_000
"""The most bytes of all files together that are sent to a model unchanged."""

_PDF, _PDF_BEGINS_WITHIN = b"%PDF-", 1_024


def file_ids(value: Json, setting: str) -> list[str]:
    """Return the file ids that a rendered setting names; null is none. Raises `StepBroke`."""
    if value is None:
        return []
    ids = value if isinstance(value, list) else [value]
    found = [item for item in ids if isinstance(item, str) and item]
    if len(found) < len(ids):
        message = f"{setting} must be the id of a file or a list of ids"
        raise StepBroke("InvalidRequest", message, retryable=False)
    return found


async def attached(
    files: Sequence[Template], scope: Mapping[str, Json], model: str | None, effects: Effects
) -> list[Part]:
    """Read the files that a step's `files` names, for a model. Raises `StepBroke`."""
    ids: list[str] = []
    for index, template in enumerate(files):
        ids += file_ids(await template.rendered(scope), f"files[{index}]")
    takes = await effects.takes(model) if ids else ()
    parts: list[Part] = []
    size = 0
    for file_id in ids:
        part = await as_part(file_id, takes, effects)
        size += 0 if isinstance(part, TextPart) else len(part.content)
        if size > MOST_BYTES:
            message = (
                f"the files have more than the {MOST_BYTES:,} bytes that a model is shown as they "
                "are; give fewer or smaller ones"
            )
            raise StepBroke("FilesTooLarge", message, retryable=False)
        parts.append(part)
    return parts


async def as_part(file_id: str, takes: Collection[str], effects: Effects) -> Part:
    """Read a file for a model. Raises `StepBroke` if neither the file nor its text can be sent."""
    stored = await effects.file(file_id)
    media_type = stored.media_type.partition(";")[0].strip().lower()
    if media_type in IMAGE_TYPES:
        if "images" not in takes:
            raise _not_taken(stored, "pictures", "images")
        return ImagePart(media_type, stored.content)
    if media_type in AUDIO_FORMATS:
        if "audio" not in takes:
            raise _not_taken(stored, "sound", "audio")
        return FilePart(media_type, stored.content, stored.name)
    if "pdf" in takes and _is_pdf(stored):
        return FilePart(PDF, stored.content, stored.name)
    if _is_document(stored):
        text = await _extracted(stored, effects)
    else:
        text = _plain(stored, media_type)
    return TextPart(f"File {stored.name}:\n\n{text}")


def _is_pdf(stored: StoredFile) -> bool:
    return _PDF in stored.content[:_PDF_BEGINS_WITHIN]


def _is_document(stored: StoredFile) -> bool:
    """Decide by content and name; the declared type of a CSV file is often Excel's."""
    suffix = PurePath(stored.name).suffix.lower()
    return _is_pdf(stored) or stored.content.startswith(_MAGIC) or suffix in _DOCUMENTS


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
    """Yield the notes that a model needs about a text that is not the whole file."""
    if not isinstance(result, dict):
        return
    left_out = result.get("leftOut")
    if isinstance(left_out, list) and left_out:
        yield f"(Not in this text: {'; '.join(map(str, left_out))}.)"
    if result.get("truncated") is True:
        yield "(The file continues.)"


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


def _not_taken(stored: StoredFile, what: str, setting: str) -> StepBroke:
    message = (
        f"file {stored.name} ({stored.media_type}) cannot be shown to the model, which takes no "
        f"{what}; where it does, say `{setting}: true` in its document"
    )
    return StepBroke("UnsupportedFile", message, retryable=False)


def _unsupported(stored: StoredFile) -> StepBroke:
    message = (
        f"file {stored.name} ({stored.media_type}) cannot be shown to a model; it takes pictures "
        "(PNG, JPEG, GIF, WebP), text, PDF and office documents, and sound (WAV, MP3) where it can"
    )
    return StepBroke("UnsupportedFile", message, retryable=False)
