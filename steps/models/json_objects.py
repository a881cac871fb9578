"""Finds JSON objects in a model's text: alone, in a fence, among words, or as a JSON string."""

import itertools
import json
import re
from collections.abc import Iterator

from engine import Json, JsonObject
from steps.language.strict_json import parse_strictly

_MOST_OBJECTS = 50
_FENCE = "```"
_LANGUAGE = re.compile(r"[A-Za-z0-9_+.-]*")
_BEGINS = re.compile(r"""\{(?=\s{0,200}(?:"(?:[^"\\]|\\.){0,200}"\s{0,200}:|'|\}))""", re.DOTALL)
_MARK = re.compile(r'[{}"]')
# A text that does not end is one match too: each quote in it would be taken for its beginning.
_LAST_COMMA = re.compile(r'("(?:[^"\\]|\\.)*(?:"|\\?\Z))|,(?=\s*[}\]])', re.DOTALL)
_STRING_END = re.compile(r'(?:[^"\\]|\\.)*"', re.DOTALL)


def only_object(text: str) -> JsonObject:
    """Return the single object of a text, bare or in a fence, or as a JSON string.

    Text around it is not tolerated, because an object inside a truncated one would be mistaken for
    the whole. Raises `ValueError` that says what is wrong.
    """
    return _as_object(_parsed(_unfenced(text).strip("\ufeff \t\r\n")))


def _unfenced(text: str) -> str:
    text = text.strip()
    if len(text) < 2 * len(_FENCE) or not (text.startswith(_FENCE) and text.endswith(_FENCE)):
        return text
    inner = text[len(_FENCE) : -len(_FENCE)]
    return inner[len(_LANGUAGE.match(inner)[0]) :]  # type: ignore[index] # it may be empty


def objects_in(text: str) -> list[JsonObject]:
    """Return the objects in an answer. Raises `ValueError` if there is none.

    If the whole answer is JSON, that is the result; among words, every object counts that is not
    inside another.
    """
    try:
        return [only_object(text)]
    except NoObject:
        raise
    except ValueError as wrong:
        spans = list(itertools.islice(_spans(text), _MOST_OBJECTS + 1))
        if len(spans) > _MOST_OBJECTS:
            raise ValueError("the answer holds many JSON objects; answer with one") from wrong
        found = [value for span in spans if (value := _object_of(span)) is not None]
        if not found:
            raise ValueError(f"the answer is not JSON: {str(wrong)[:200]}") from wrong
        return found


class NoObject(ValueError):
    """The text is JSON, but not an object."""

    def __init__(self) -> None:
        super().__init__("the answer must be a JSON object")


def _as_object(value: Json) -> JsonObject:
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        raise NoObject
    return value


def _parsed(text: str) -> Json:
    # Many models do not escape line breaks, and some write a comma after the last value.
    try:
        return parse_strictly(text, line_breaks=True)
    except json.JSONDecodeError:
        plain = _LAST_COMMA.sub(lambda found: found[1] or "", text)
        if plain == text:
            raise
        return parse_strictly(plain, line_breaks=True)


def _object_of(text: str) -> "JsonObject | None":
    try:
        value = _parsed(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _spans(text: str) -> Iterator[str]:
    """Yield the text from each opening brace to its closing brace.

    An unclosed brace ends the search, because everything after it is part of something else.
    """
    begins = _BEGINS.search(text)
    while begins:
        end = _end_of(text, begins.start())
        if end is None:
            return
        yield text[begins.start() : end]
        begins = _BEGINS.search(text, end)


def _end_of(text: str, start: int) -> int | None:
    depth, at = 0, start
    while mark := _MARK.search(text, at):
        at = mark.end()
        if mark[0] == '"':
            string = _STRING_END.match(text, at)
            if string is None:
                return None
            at = string.end()
            continue
        depth += 1 if mark[0] == "{" else -1
        if depth == 0:
            return at
    return None
