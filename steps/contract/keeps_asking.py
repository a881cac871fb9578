"""An answer after which the same pause goes on."""

from engine import JsonObject
from engine.value import value


@value(frozen=True, slots=True)
class KeepsAsking:
    """An answer is kept, and the same pause goes on: more answers are wanted.

    Attributes:
        body: The keys of the pause that are otherwise from now on.
    """

    body: JsonObject
