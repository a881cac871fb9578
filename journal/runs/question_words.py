"""The words of a question, for a search of the inbox.

A question is found by its run's title and labels, and by the texts that it shows to those
who answer it. Each word of the search must begin a word of these; case and accents make no
difference.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from engine import Json, Pause
from journal.runs.unaccented import unaccented

_MOST_WORDS = 8
_WORD = re.compile(r"[^\W_]+")
_TOLD = ("message", "show", "actions", "fields")
"""The parts of a pause that people read."""


def searched_words(text: str) -> Sequence[str]:
    """Return the words of a search."""
    return _words(text)[:_MOST_WORDS]


def may_have_words(searched: Sequence[str], written: Iterable[str | None]) -> bool:
    """Return whether each of the words is somewhere in what was written, as texts or as JSON.

    That is found out sooner than `has_words`, which is false for all others.
    """
    text = "\n".join(filter(None, written))
    if "\\u" in text:
        return True
    plain = unaccented(text)
    return all(word in plain for word in searched)


def has_words(searched: Sequence[str], title: str, labels: Iterable[str], pause: Pause) -> bool:
    """Return whether each of the words begins a word of the question."""
    left = set(searched)
    for text in (title, *labels, *_texts([pause.body.get(part) for part in _TOLD])):
        plain = " " + " ".join(_words(text))
        left = {word for word in left if f" {word}" not in plain}
        if not left:
            return bool(searched)
    return False


def _words(text: str) -> list[str]:
    return _WORD.findall(unaccented(text))


def _texts(values: list[Json]) -> Iterator[str]:
    """Iterate over the texts and numbers of some values, in order."""
    todo = [*reversed(values)]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            todo += reversed(item.values())
        elif isinstance(item, list):
            todo += reversed(item)
        elif isinstance(item, str):
            yield item
        elif isinstance(item, int | float) and not isinstance(item, bool):
            yield str(item)
