"""A tool's result for a model: text once, pictures as pictures, other parts by name.

The parts of a result are those of the Model Context Protocol, which other tools may return too:
`content`, a list of objects with `type` text, image, audio, resource or resource_link.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from engine import Json, JsonObject
from steps.effects.chat import IMAGE_TYPES, ImagePart, Part, TextPart
from steps.tools.cut_json import cut

_KINDS = {
    "image": "picture", "audio": "audio", "resource": "file", "resource_link": "link"
}  # fmt: skip
_HOLD_CONTENT = ("data", "resource", "uri", "omitted", "fileId")
"""Keys of a part other than text; it has one of them at least."""

_LONGEST_NAME = 2_000

_NONE: Mapping[str, bytes] = MappingProxyType({})


def shown(result: Json, longest: int, pictures: Mapping[str, bytes] = _NONE) -> tuple[Part, ...]:
    """Return the message parts for a result, with about `longest` characters.

    If the result is longer, a last part says how much is missing. `pictures` are those that the
    result names by their file ids.
    """
    content = content_of(result)
    if content is None:
        text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
        return _within([TextPart(text)], longest)
    assert isinstance(result, dict)  # noqa: S101 - it has `content`
    parts = [one for part in content for one in _parts(part, pictures)]
    whole_text = "\n".join(filter(None, map(text_of, content)))
    rest = {key: value for key, value in result.items() if key != "content"}
    if rest.get("text") == whole_text:
        del rest["text"]
    if rest:
        parts.insert(0, TextPart(json.dumps(rest, ensure_ascii=False)))
    found = [part for part in parts if not isinstance(part, TextPart) or part.text]
    return _within(found, longest) or (TextPart("(nothing)"),)


def _within(parts: Sequence[Part], longest: int) -> tuple[Part, ...]:
    """Return the parts, shortened if they are too long, and then with a mark that says so."""
    whole = sum(len(part.text) for part in parts if isinstance(part, TextPart))
    if whole <= longest:
        return tuple(parts)
    left, found = longest, list[Part]()
    for part in parts:
        if not isinstance(part, TextPart):
            found.append(part)
        elif left > 0:
            text = cut(part.text, left)
            left -= len(text)
            found.append(TextPart(text))
    message = (
        f"(This is a part: about {whole - longest:,} of {whole:,} characters are left out. "
        "Call again with narrower arguments, or for one part at a time, to read them.)"
    )
    return (*found, TextPart(message))


def text_of(part: Mapping[str, Json]) -> str:
    """Return the text of a part: its own, or that of the file inside it."""
    resource = part.get("resource")
    holder = resource if isinstance(resource, dict) else part
    text = holder.get("text") if part.get("type") in ("text", "resource") else None
    return text if isinstance(text, str) else ""


def bytes_of(part: Mapping[str, Json]) -> str:
    """Return the bytes of a part in base64, as received; empty if it has none."""
    resource = part.get("resource")
    data = resource.get("blob") if isinstance(resource, dict) else part.get("data")
    return data if isinstance(data, str) else ""


def without_bytes(part: JsonObject) -> JsonObject:
    """Return a part with its bytes replaced by their `size` and `omitted`."""
    left: JsonObject = {key: value for key, value in part.items() if key != "data"}
    resource = part.get("resource")
    if isinstance(resource, dict):
        left["resource"] = {key: value for key, value in resource.items() if key != "blob"}
    return {**left, "size": _size(bytes_of(part)), "omitted": True}


def content_of(result: Json) -> "list[JsonObject] | None":
    """Return the parts of a result that has some, None for any other value."""
    content = result.get("content") if isinstance(result, dict) else None
    if not isinstance(content, list) or not content:
        return None
    parts = [part for part in content if isinstance(part, dict) and _is_part(part)]
    return parts if len(parts) == len(content) else None


def _is_part(part: JsonObject) -> bool:
    kind = part.get("type")
    if kind == "text":
        return isinstance(part.get("text"), str)
    is_known = isinstance(kind, str) and kind in _KINDS
    return is_known and any(key in part for key in _HOLD_CONTENT)


def file_id_of(part: Mapping[str, Json]) -> str:
    """Return the id of the file that stores the bytes of a part, empty if there is none."""
    file_id = part.get("fileId")
    return file_id if isinstance(file_id, str) else ""


def with_file(part: JsonObject, file_id: str, size: int) -> JsonObject:
    """Return a part with its bytes replaced by the id of a file."""
    left = without_bytes(part)
    del left["omitted"]
    return {**left, "size": size, "fileId": file_id}


def is_picture(part: Mapping[str, Json]) -> bool:
    """Return whether a part is a picture of a type that providers accept."""
    return part.get("type") == "image" and _media_type(part) in IMAGE_TYPES


def _media_type(part: Mapping[str, Json]) -> str:
    return str(part.get("mimeType") or "").partition(";")[0].strip().lower()


def _parts(part: JsonObject, pictures: Mapping[str, bytes]) -> Iterator[Part]:
    """Yield the message parts for a part; a stored picture is also named, so it can be used."""
    if not (file_id := file_id_of(part)):
        yield _part(part)
        return
    yield TextPart(_named(part))
    if file_id in pictures and is_picture(part):
        yield ImagePart(_media_type(part), pictures[file_id])


def _part(part: JsonObject) -> Part:
    if text := text_of(part):
        return TextPart(text)
    if is_picture(part):
        try:
            content = base64.b64decode(bytes_of(part), validate=True)
        except (binascii.Error, ValueError):
            content = b""
        if content:
            return ImagePart(_media_type(part), content)
    return TextPart(_named(part))


def _named(part: JsonObject) -> str:
    """Return the description of a part that a model cannot be shown."""
    if part.get("type") == "text":
        return ""
    resource = part.get("resource")
    of_it = resource if isinstance(resource, dict) else part
    said = [_KINDS[str(part["type"])]]
    said += [str(of_it[key]) for key in ("name", "uri", "mimeType") if of_it.get(key)]
    size = part.get("size") or _size(bytes_of(part))
    said += [f"{size:,} bytes"] if isinstance(size, int) and size else []
    said += [f"fileId {part['fileId']}"] if file_id_of(part) else []
    said += [str(of_it["description"])] if of_it.get("description") else []
    return f"({', '.join(said)})"[:_LONGEST_NAME]


def _size(data: str) -> int:
    return len(data.rstrip("=")) * 3 // 4
