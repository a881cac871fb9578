"""Which vectors of many are most like another one: by their cosine, as all have the length one."""

import sys
from array import array
from collections.abc import Sequence
from operator import mul

from engine.value import value

_FLOAT = 4
_MOST_PRODUCTS = 500_000
"""Up to so many products of numbers each vector is compared; of more, those with like signs."""
_LEAST_COMPARED = 200
_COMPARED_A_RESULT = 20
_SIGNS = bytes.maketrans(bytes(range(256)), b"0" * 128 + b"1" * 128)


@value(frozen=True, slots=True)
class Near:
    """A vector by its place, and how like it is: 1 for the same direction."""

    place: int
    cosine: float


class VectorIndex:
    """A search through vectors of one length, as `app.llm.embeddings` makes them."""

    def __init__(self, vectors: Sequence[bytes]) -> None:
        """Index vectors; that takes long, and a thread may do it."""
        self._vectors = vectors
        self._signs: list[int] = []
        if sum(map(len, vectors)) // _FLOAT > _MOST_PRODUCTS:
            self._signs = [_signs(one) for one in vectors]

    def nearest(self, wanted: bytes, most: int) -> list[Near]:
        """Return the vectors that are most like another one, the best first.

        Of many numbers, those whose signs are most like its own are compared in full.
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
    """Return a number that has a bit a float: whether it is below zero."""
    return int(vector[_FLOAT - 1 :: _FLOAT].translate(_SIGNS), 2)
