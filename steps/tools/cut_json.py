"""Shortens a long result so that JSON stays JSON, and marks every cut."""

import json
from collections.abc import Iterator

from engine import Json

_DEEPEST = 64


def cut(text: str, longest: int) -> str:
    """Return the first `longest` characters of a text, plus a little for the marks."""
    if len(text) <= longest:
        return text
    if text.lstrip()[:1] in ("{", "["):
        try:
            return cut_json(json.loads(text), longest)
        except (ValueError, RecursionError):
            pass
    return text[: max(0, longest)]


def cut_json(value: Json, longest: int) -> str:
    """Return a value as JSON of about `longest` characters.

    The beginning is complete. Lists and objects that end early say how many items or keys are
    missing, and texts how many characters.
    """
    return "".join(_Writer(longest).write(value, 0))


class _Writer:
    def __init__(self, left: int) -> None:
        self._left = left

    def write(self, value: Json, depth: int) -> Iterator[str]:
        """Yield the pieces of a value, while there is room."""
        if depth >= _DEEPEST and isinstance(value, dict | list):
            yield self._counted('"(nested too deep to show)"')
        elif isinstance(value, dict):
            yield self._counted("{")
            for number, (key, item) in enumerate(value.items()):
                yield self._counted(", " if number else "")
                if len(key) >= self._left:
                    yield f'"...": "({len(value) - number:,} more keys)"'
                    break
                yield self._counted(json.dumps(key, ensure_ascii=False) + ": ")
                yield from self.write(item, depth + 1)
            yield "}"
        elif isinstance(value, list):
            yield self._counted("[")
            for number, item in enumerate(value):
                yield self._counted(", " if number else "")
                if self._left <= 0:
                    yield f'"({len(value) - number:,} more items)"'
                    break
                yield from self.write(item, depth + 1)
            yield "]"
        elif isinstance(value, str) and len(value) > self._left:
            kept = value[: max(0, self._left)]
            shortened = f"{kept}... ({len(value) - len(kept):,} more characters)"
            yield self._counted(json.dumps(shortened, ensure_ascii=False))
        else:
            yield self._counted(json.dumps(value, ensure_ascii=False))

    def _counted(self, text: str) -> str:
        self._left -= len(text)
        return text
