"""Images and sound in an answer in OpenAI's format, from endpoints that make them."""

import base64
import binascii
from typing import Any

from app.llm.tolerant import as_object, as_text, objects_of
from steps.effects.chat import IMAGE_TYPES, FilePart

_MOST = 20
_MOST_BYTES = 20_000_000
_SOUND = {"wav": "audio/wav", "mp3": "audio/mpeg", "flac": "audio/flac", "opus": "audio/ogg"}
_BEGINS = ((b"RIFF", "audio/wav"), (b"OggS", "audio/ogg"), (b"fLaC", "audio/flac"))


def made_files(said: dict[str, Any]) -> tuple[FilePart, ...]:
    """Return the images and the sound of a message, as far as they can be read."""
    parts = [*objects_of(said.get("images")), *objects_of(said.get("content"))]
    found = [_picture(as_object(part.get("image_url")).get("url")) for part in parts]
    found.append(_sound(as_object(said.get("audio"))))
    return tuple(part for part in found if part is not None)[:_MOST]


def spoken(said: dict[str, Any]) -> str:
    """Return the transcript of the sound."""
    return as_text(as_object(said.get("audio")).get("transcript"))


def _picture(address: object) -> FilePart | None:
    if not isinstance(address, str) or not address.startswith("data:"):
        return None
    declared, _, data = address.removeprefix("data:").partition(",")
    media_type = declared.partition(";")[0].strip().lower()
    content = _decoded(data) if declared.endswith(";base64") and media_type in IMAGE_TYPES else b""
    return FilePart(media_type, content) if content else None


def _sound(audio: dict[str, Any]) -> FilePart | None:
    content = _decoded(audio.get("data"))
    if not content:
        return None
    declared = _SOUND.get(str(audio.get("format")), "audio/mpeg")
    media_type = next((kind for sign, kind in _BEGINS if content.startswith(sign)), declared)
    return FilePart(media_type, content)


def _decoded(data: object) -> bytes:
    if not isinstance(data, str) or len(data) > _MOST_BYTES * 4 // 3:
        return b""
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return b""
