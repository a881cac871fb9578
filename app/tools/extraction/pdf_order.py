"""Lines of a page in which words run to the left, in the order in which they are read.

PDFium gives the letters of a word in their order, but several such words between words that run
to the right, or the other way round, in the order in which they lie on the page.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_LEFTWARDS, _RIGHTWARDS = ("R", "AL"), ("L",)
_WIDE_GAP = 3.0
"""Words further apart than so many letters are cells of a table, or columns."""


@dataclass(slots=True)
class _Word:
    text: str
    left: float
    right: float
    is_leftwards: bool | None


def in_reading_order(characters: Sequence[tuple[str, float, float]]) -> str:
    """Return the text of characters, each with its left and its right edge."""
    lines: list[str] = []
    line: list[tuple[str, float, float]] = []
    for character in (*characters, ("\n", 0.0, 0.0)):
        if character[0] == "\n":
            lines.append(_line(line))
            line = []
        elif character[0] != "\r":
            line.append(character)
    return "\n".join(lines)


def _line(characters: list[tuple[str, float, float]]) -> str:
    words = list(_words(characters))
    runs: list[list[_Word]] = []
    begin = 0
    while begin < len(words):
        end = _end_of_run(words, begin)
        run = words[begin:end]
        direction = run[0].is_leftwards
        if direction is not None:
            run.sort(key=lambda word: word.left, reverse=direction)
        runs.append(run)
        begin = end
    if len(runs) > 1 and _is_leftwards(runs[0]) and _is_leftwards(runs[-1]):
        # Such a line is read from the right, whatever stands between.
        runs.sort(key=lambda run: run[0].left, reverse=True)
    return " ".join(word.text for run in runs for word in run)


def _is_leftwards(run: list[_Word]) -> bool:
    return run[0].is_leftwards is True


def _end_of_run(words: list[_Word], begin: int) -> int:
    """Return where the words end that run into the direction of the first, close together."""
    end = begin + 1
    for at, (word, after) in enumerate(pairwise(words[begin:]), begin + 1):
        letter = (word.right - word.left) / max(len(word.text), 1)
        gap = max(after.left - word.right, word.left - after.right)
        if gap > _WIDE_GAP * max(letter, 1.0):
            break
        if after.is_leftwards not in (words[begin].is_leftwards, None):
            break
        if after.is_leftwards is not None:
            end = at + 1
    return end


def _words(characters: list[tuple[str, float, float]]) -> Iterator[_Word]:
    word: list[tuple[str, float, float]] = []
    for character in (*characters, (" ", 0.0, 0.0)):
        if not character[0].isspace():
            word.append(character)
        elif word:
            text = "".join(letter for letter, _, _ in word)
            left, right = min(item[1] for item in word), max(item[2] for item in word)
            yield _Word(text, left, right, _direction(text))
            word = []


def _direction(text: str) -> bool | None:
    """Say whether a word runs to the left, None where its signs have no direction."""
    kinds = {unicodedata.bidirectional(letter) for letter in text}
    if not kinds.isdisjoint(_LEFTWARDS):
        return True
    return None if kinds.isdisjoint(_RIGHTWARDS) else False
