"""The nearest known word, for messages about unknown ones."""

from bisect import bisect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import takewhile

_MOST_LISTED = 30
_MOST_LOOKED_AT = 300
_LONGEST_LOOKED_AT = 64
_MOST_SEARCHES = 100

_searches: ContextVar[list[str] | None] = ContextVar("searches", default=None)


@contextmanager
def few_searches() -> Iterator[None]:
    """Search for near words a bounded number of times inside; later messages have no hint.

    Each search goes through all known words, and few of the messages are reported.
    """
    token = _searches.set([]) if _searches.get() is None else None
    try:
        yield
    finally:
        if token is not None:
            _searches.reset(token)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?` for the nearest known word, else the list of known ones.

    Nothing is returned if no word is known. Of many words, only those with the same beginning are
    compared; of long words, only the beginning.
    """
    if not _may_search(word):
        return ""
    words = sorted(known)
    if not words:
        return ""
    if close := _nearest(word, words):
        return close
    shown = ", ".join(item[:_LONGEST_LOOKED_AT] for item in words[:_MOST_LISTED])
    more = f" and {len(words) - _MOST_LISTED} more" if len(words) > _MOST_LISTED else ""
    return f"; known are {shown}{more}"


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?` for the nearest known word, empty if none is near."""
    return _nearest(word, known) if _may_search(word) else ""


def _may_search(word: str) -> bool:
    searched = _searches.get()
    if searched is None:
        return True
    searched.append(word)
    return len(searched) <= _MOST_SEARCHES


def _nearest(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = [item for item in sorted(known) if abs(len(item) - len(word)) <= len(word) // 2 + 1]
    # In a sorted list, words with the same beginning are next to the word's place.
    first = max(0, bisect(near, word) - _MOST_LOOKED_AT // 2)
    around = near[first : first + _MOST_LOOKED_AT] if len(near) > _MOST_LOOKED_AT else near
    around.sort(key=lambda item: (-_shared_start(item, word), abs(len(item) - len(word))))
    short = {item[:_LONGEST_LOOKED_AT]: item for item in around}
    close = get_close_matches(word[:_LONGEST_LOOKED_AT], short, n=1, cutoff=0.6)
    return f"; did you mean {short[close[0]]}?" if close else ""


def _shared_start(one: str, other: str) -> int:
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return sum(1 for _ in pairs)
