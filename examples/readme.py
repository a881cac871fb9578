"""An example's README, parsed into prose, commands and expected answers."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "..."
"""Stands for any value in an expected answer."""

VERBATIM = "    "
"""The prefix of code paragraphs in a move's text."""


@dataclass(frozen=True, slots=True)
class Move:
    """One command of a README, the text before it, and its expected effects.

    Attributes:
        answer: The JSON that the output must contain; None if none is expected.
        mails: The headers of each mail that must have arrived by then.
    """

    words: str
    command: str
    answer: Any
    mails: tuple[dict[str, str], ...]

    @property
    def only_reads(self) -> bool:
        """Whether the command can be repeated until the run has progressed far enough."""
        return re.search(r"\s-(X|F|d)\b", self.command) is None


def moves_of(file: Path) -> list[Move]:
    """Return the moves of a README in order; `make` commands are for readers only.

    A `json` or `mail` block after a command is an expected result; a `json` block with a file name
    is an excerpt of that file.
    """
    text = file.read_text(encoding="utf-8")
    moves: list[Move] = []
    words, at = "", 0
    for fence in _FENCE.finditer(text):
        words += text[at : fence.start()]
        at = fence.end()
        kind, content = fence[1].strip(), fence[2].strip()
        last = moves[-1] if moves else None
        if kind == "sh" and not content.startswith("make "):
            moves.append(Move(words.strip(), content, None, ()))
            words = ""
        elif " " in kind:
            words += f"{VERBATIM}{content}\n\n"
        elif kind == "json" and last:
            moves[-1] = Move(last.words, last.command, json.loads(content), last.mails)
        elif kind == "mail" and last:
            headers = dict(line.split(": ", 1) for line in content.splitlines())
            moves[-1] = Move(last.words, last.command, last.answer, (*last.mails, headers))
    return moves


def difference(answer: Any, expected: Any, path: str = "") -> str | None:
    """Return what an answer lacks of the expected content; None if nothing."""
    where = path.removeprefix(".") or "the answer"
    if expected == ANYTHING:
        return None
    if isinstance(expected, dict) and isinstance(answer, dict):
        for name, wanted in expected.items():
            if name not in answer:
                return f"{where} has no {name}"
            if found := difference(answer[name], wanted, f"{path}.{name}"):
                return found
        return None
    if isinstance(expected, list) and isinstance(answer, list):
        if len(answer) != len(expected):
            return f"{where} has {len(answer)} items, not {len(expected)}"
        pairs = enumerate(zip(answer, expected, strict=True))
        lacks = (difference(one, wanted, f"{path}[{at}]") for at, (one, wanted) in pairs)
        return next((text for text in lacks if text), None)
    if answer == expected:
        return None
    return f"{where} is {json.dumps(answer)}, not {json.dumps(expected)}"
