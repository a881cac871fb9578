"""An example's README as what it is: prose, commands, and what each is to answer."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "..."
"""Stands in an expected answer for any value."""

VERBATIM = "    "
"""Begins a paragraph of a move's words that is code."""


@dataclass(frozen=True, slots=True)
class Move:
    """One command of a README, the words before it, and what it is to bring about.

    Attributes:
        answer: What its output must hold, as JSON; None when nothing is said of it.
        mails: The headers of each mail that must have come by then.
    """

    words: str
    command: str
    answer: Any
    mails: tuple[dict[str, str], ...]

    @property
    def only_reads(self) -> bool:
        """Whether it can be repeated until the run has come that far."""
        return re.search(r"\s-(X|F|d)\b", self.command) is None


def moves_of(file: Path) -> list[Move]:
    """Return the moves of a README, in order; blocks of `make` are for people.

    A block `json` or `mail` that follows a command says what comes of it; `json` with the
    name of a file is an excerpt of that file and no answer.
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
    """Say where an answer lacks what is expected of it, None when it has all of it."""
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
