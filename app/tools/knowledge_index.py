"""Finds passages of a collection by words and, if they have vectors, by meaning."""

from collections.abc import Mapping, Sequence

from app.tools.passages import PassageIndex
from app.tools.vectors import VectorIndex
from engine import JsonObject
from journal import PassageRow

_LOOKED_AT = 60
"""How many entries of each list count."""

_FLAT = 60
"""The constant k of reciprocal rank fusion; a larger one lets top ranks stand out less."""


class KnowledgeIndex:
    """A search through one collection as it was when the index was built."""

    def __init__(
        self, passages: Sequence[PassageRow], vectors: Mapping[tuple[str, int], bytes]
    ) -> None:
        """Index passages, and the vectors of some by source and number; may run in a thread."""
        self._passages = passages
        self._words = PassageIndex(passages)
        by_length: dict[int, list[int]] = {}
        for place, one in enumerate(passages):
            if vector := vectors.get((one.source, one.number)):
                by_length.setdefault(len(vector), []).append(place)
        self._places = by_length
        self._vectors = {
            length: VectorIndex([vectors[self._key(place)] for place in places])
            for length, places in by_length.items()
        }
        self.size = self._words.size + sum(map(len, vectors.values()))

    def _key(self, place: int) -> tuple[str, int]:
        return self._passages[place].source, self._passages[place].number

    def by_words(self, query: str, limit: int) -> list[JsonObject]:
        """Return the passages that have most of the words of a question, best first."""
        return [
            {**self._shown(at), "score": round(score, 4)}
            for at, score in self._words.search(query, limit)
        ]

    def by_both(self, query: str, vector: bytes, limit: int) -> list[JsonObject]:
        """Return the passages that rank highest in both lists: by words and by meaning.

        The score is 1 for a passage that is first in both; `similarity` is the cosine of the
        vectors.
        """
        index, places = self._vectors.get(len(vector)), self._places.get(len(vector), [])
        near = index.nearest(vector, _LOOKED_AT) if index else []
        cosines = {places[one.place]: one.cosine for one in near}
        scores: dict[int, float] = {}
        for ranked in ([at for at, _ in self._words.search(query, _LOOKED_AT)], [*cosines]):
            for rank, at in enumerate(ranked, 1):
                scores[at] = scores.get(at, 0) + (_FLAT + 1) / (2 * (_FLAT + rank))
        best = sorted(scores, key=lambda at: (-scores[at], at))[:limit]
        found: list[JsonObject] = []
        for at in best:
            shown: JsonObject = {**self._shown(at), "score": round(scores[at], 4)}
            found.append({**shown, "similarity": round(cosines[at], 4)} if at in cosines else shown)
        return found

    def _shown(self, at: int) -> JsonObject:
        passage = self._passages[at]
        return {"source": passage.source, "number": passage.number, "text": passage.text}
