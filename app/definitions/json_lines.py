"""Finds the line of each value in a JSON text."""

import json
import re

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_SCALAR = re.compile(r"[^\s,\]}]+")
_LONGEST_PATH = 2_000


def line_of(lines: dict[str, int], path: str) -> int:
    """Return the line of `steps[2].url`, or of the nearest value around it."""
    while path and path not in lines:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return lines.get(path, 1)


def path_below(path: str, part: str | int) -> str:
    """Return the path of a part of a value, or the value's own path if that would be very long.

    A long key is repeated in the path of everything below it, so the paths could take the square of
    the text's length.
    """
    below = f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path + below if len(path) + len(below) <= _LONGEST_PATH else path


def lines_of(text: str) -> dict[str, int]:
    """Return the line of every value by its path. The text must be valid JSON."""
    lines: dict[str, int] = {}
    _Walk(text, lines).value(_skip(text, 0), "")
    return lines


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _string(text: str, at: int) -> tuple[str, int]:
    match = _STRING.match(text, at)
    return (json.loads(match[0]), match.end()) if match else ("", at + 1)


class _Walk:
    """Goes through a text once and counts lines on the way; each character is read once."""

    def __init__(self, text: str, lines: dict[str, int]) -> None:
        self._text = text
        self._lines = lines
        self._counted, self._line = 0, 1

    def value(self, at: int, path: str) -> int:
        """Record the line of the value that begins at index `at`; return where it ends."""
        text = self._text
        self._line += text.count("\n", self._counted, at)
        self._counted = at
        self._lines.setdefault(path, self._line)
        opening = text[at]
        if opening == '"':
            return _string(text, at)[1]
        if opening not in "{[":
            match = _SCALAR.match(text, at)
            return match.end() if match else at + 1
        at, index = _skip(text, at + 1), 0
        while text[at] not in "}]":
            if opening == "{":
                key, at = _string(text, at)
                at = _skip(text, _skip(text, at) + 1)
                inner = path_below(path, key)
            else:
                inner, index = path_below(path, index), index + 1
            at = _skip(text, self.value(at, inner))
            if text[at] == ",":
                at = _skip(text, at + 1)
        return at + 1
