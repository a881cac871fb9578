"""The path of a value to be explained."""

import re
from typing import TypeAlias

from app.wire.parsing.errors import BadRequest
from engine.value import value
from steps.contract.step_type import Problem
from steps.language.syntax.paths import Path

_PART = re.compile(r"""\.?([^.\[\]'"]+)|\[(-?[0-9]+)\]|\[(?:'([^']*)'|"([^"]*)")\]""")

Keys: TypeAlias = tuple[str | int, ...]


@value(frozen=True, slots=True)
class Asked:
    """A path, at the time before a given event."""

    root: str
    keys: Keys
    before: int

    def __str__(self) -> str:
        return str(Path(self.root, self.keys))


def asked_path(text: str, before: int) -> Asked:
    """Parse a path, at the time before a given event. Raises `BadRequest`."""
    keys: list[str | int] = []
    end = 0
    for part in _PART.finditer(text):
        if part.start() != end:
            break
        end = part.end()
        keys.append(int(part[2]) if part[2] else part[1] or part[3] or part[4] or "")
    if end != len(text) or not keys or not isinstance(keys[0], str):
        message = "must be a path such as result.total, data.order.id or steps.pay.output"
        raise BadRequest("the request is not acceptable", [Problem("path", message)])
    return Asked(keys[0], tuple(keys[1:]), before)
