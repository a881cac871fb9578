"""The result of an answer after which the same pause stays open."""

from engine import JsonObject
from engine.value import value


@value(frozen=True, slots=True)
class KeepsAsking:
    """An answer is kept, and the same pause stays open because more answers are wanted.

    Attributes:
        body: The keys of the pause that change.
    """

    body: JsonObject
