"""Renders JSON for people, with each value linking to where it came from."""

import json
from collections.abc import Callable
from html import escape
from urllib.parse import quote

from engine import Json

MOST_LINKS = 400
"""How many values become links; the other values of a large object are plain text."""

_LONGEST = 20_000
_LONGEST_TEXT = 2_000


class JsonTree:
    """Writes a value as HTML; everything in it is escaped."""

    def __init__(self, link: Callable[[str], str]) -> None:
        self._link = link
        self._left = MOST_LINKS
        self._room = _LONGEST
        self._parts: list[str] = []

    def write(self, value: Json, path: str) -> str:
        """Return the value as HTML; `path` is the path of the whole value."""
        self._value(value, path, "")
        return "".join(self._parts)

    def _value(self, value: Json, path: str, indent: str) -> None:
        if isinstance(value, dict) and value:
            self._put("{\n")
            for number, (name, item) in enumerate(value.items()):
                self._put(f"{indent}  {escape(json.dumps(name, ensure_ascii=False))}: ")
                self._value(item, _below(path, name), indent + "  ")
                self._put("\n" if number == len(value) - 1 else ",\n")
                if self._room < 0:
                    self._put(f"{indent}  … more; the API has all\n")
                    break
            self._put(f"{indent}}}")
        elif isinstance(value, list) and value:
            self._put("[\n")
            for number, item in enumerate(value):
                self._put(f"{indent}  ")
                self._value(item, f"{path}[{number}]", indent + "  ")
                self._put("\n" if number == len(value) - 1 else ",\n")
                if self._room < 0:
                    self._put(f"{indent}  … more; the API has all\n")
                    break
            self._put(f"{indent}]")
        else:
            self._leaf(value, path)

    def _leaf(self, value: Json, path: str) -> None:
        text = json.dumps(value, ensure_ascii=False)
        if len(text) > _LONGEST_TEXT:
            text = f"{text[:_LONGEST_TEXT]}… {len(text) - _LONGEST_TEXT} more characters"
        shown = escape(text)
        if self._left > 0:
            self._left -= 1
            address = escape(self._link(path))
            shown = f'<a class="value" href="{address}" data-explain>{shown}</a>'
        self._put(shown)

    def _put(self, text: str) -> None:
        self._room -= len(text)
        self._parts.append(text)


def _below(path: str, name: str) -> str:
    plain = bool(name) and not set(name) & set(".[]'\"")
    if plain:
        return f"{path}.{name}"
    mark = '"' if "'" in name else "'"
    return f"{path}[{mark}{name}{mark}]"


def address_of(visit: int, path: str, at: int | None) -> str:
    """Return the address at which a run's page explains a value of a visit."""
    before = "" if at is None else f"&at={at}"
    return f"?visit={visit}&explain={quote(path, safe='')}{before}#inspector"
