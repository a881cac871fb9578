"""Finds the vectors most similar to a given one, by cosine; all have length one."""

import sys
from array import array
from collections.abc import Sequence
from operator import mul

from engine.value import value

_FLOAT = 4
_MOST_PRODUCTS = 500_000
"""Up to this many multiplications every vector is compared; beyond it, those with similar signs."""
_LEAST_COMPARED = 200
_COMPARED_A_RESULT = 20
_SIGNS = bytes.maketrans(bytes(range(256)), b"0" * 128 + b"1" * 128)


@value(frozen=True, slots=True)
class Near:
    """The index of a vector, and its similarity: 1 for the same direction."""

    place: int
    cosine: float


class VectorIndex:
    """A search through vectors of one dimension, as made by `app.llm.embeddings`."""

    def __init__(self, vectors: Sequence[bytes]) -> None:
        """Index vectors; this takes long and may run in a thread."""
        self._vectors = vectors
        self._signs: list[int] = []
        if sum(map(len, vectors)) // _FLOAT > _MOST_PRODUCTS:
            self._signs = [_signs(one) for one in vectors]

    def nearest(self, wanted: bytes, most: int) -> list[Near]:
        """Return the vectors that are most similar to another one, best first.

        With many vectors, only those whose signs match best are compared in full.
        """
        places: Sequence[int] = range(len(self._vectors))
        if self._signs:
            signs = _signs(wanted)
            apart = [(signs ^ one).bit_count() for one in self._signs]
            count = max(_LEAST_COMPARED, _COMPARED_A_RESULT * most)
            places = sorted(places, key=apart.__getitem__)[:count]
        numbers = _numbers(wanted)
        found = [
            Near(place, sum(map(mul, numbers, _numbers(self._vectors[place])))) for place in places
        ]
        return sorted(found, key=lambda near: (-near.cosine, near.place))[:most]


def _numbers(vector: bytes) -> "array[float]":
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _signs(vector: bytes) -> int:
    """Return an integer with one bit per component: whether it is negative."""
    return int(vector[_FLOAT - 1 :: _FLOAT].translate(_SIGNS), 2)
