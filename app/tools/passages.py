"""Splits texts into passages and searches them with SQLite's full-text index, in memory."""

import re
import sqlite3
from collections.abc import Sequence

from journal import PassageRow

LONGEST = 1_200
"""The most characters in a passage."""

_PARAGRAPH = re.compile(r"\n\s*\n")
_ENDS = re.compile(r"(?<=[.!?])\s|\s")
_WORD = re.compile(r"\w+")
_MOST_WORDS = 64
_OWN_SIZE = 80_000
"""How many bytes an index takes besides its texts."""


def passages_of(text: str) -> list[str]:
    """Return a text as passages: whole paragraphs, with several short ones joined."""
    found: list[str] = []
    for paragraph in _PARAGRAPH.split(text):
        for part in _parts(paragraph.strip()):
            if found and len(found[-1]) + len(part) + 2 <= LONGEST:
                found[-1] += f"\n\n{part}"
            else:
                found.append(part)
    return found


def _parts(paragraph: str) -> list[str]:
    """Return a paragraph, split after sentences, or between words, if it is too long."""
    parts: list[str] = []
    begin = 0
    while len(paragraph) - begin > LONGEST:
        most = begin + LONGEST
        ends = [match.end() for match in _ENDS.finditer(paragraph, begin + LONGEST // 2, most)]
        sentences = [at for at in ends if paragraph[at - 2] in ".!?"]
        end = (sentences or ends or [most])[-1]
        parts.append(paragraph[begin:end].strip())
        begin = end
        while paragraph[begin].isspace():  # ends, because a paragraph does not end with a space
            begin += 1
    return [*parts, paragraph[begin:]] if paragraph else parts


class PassageIndex:
    """A word search through the passages of one collection."""

    def __init__(self, passages: Sequence[PassageRow]) -> None:
        """Index passages; this takes long and may run in a thread."""
        self.size = _OWN_SIZE + sum(len(one.text) for one in passages)
        self._rows = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._rows.execute(
            "CREATE VIRTUAL TABLE passages USING fts5(source, text, detail=column,"
            " tokenize='porter unicode61 remove_diacritics 2')"
        )
        self._rows.execute("BEGIN")
        self._rows.executemany(
            "INSERT INTO passages (rowid, source, text) VALUES (?, ?, ?)",
            ((at, one.source, one.text) for at, one in enumerate(passages)),
        )
        self._rows.execute("COMMIT")

    def search(self, query: str, limit: int) -> list[tuple[int, float]]:
        """Return the indexes of passages that have most of the words of a question, best first.

        Each comes with a score, which is higher for a better match.
        """
        words = list(dict.fromkeys(_WORD.findall(query.lower())))[:_MOST_WORDS]
        if not words:
            return []
        wanted = " OR ".join(f'"{word}"' for word in words)
        rows = self._rows.execute(
            "SELECT rowid, bm25(passages, 2.0, 1.0) FROM passages WHERE passages MATCH ?"
            " ORDER BY 2, rowid LIMIT ?",
            (wanted, limit),
        ).fetchall()
        return [(at, -rank) for at, rank in rows]
