"""Receives a body as it comes, so it need not be kept in memory."""

from collections.abc import Awaitable, Callable

from engine.value import value


@value(frozen=True, slots=True)
class Sink:
    """Receives the body of a good answer as it comes.

    Attributes:
        takes: Returns whether an answer with this status is good.
        write: Takes the next bytes.
    """

    takes: Callable[[int], bool]
    write: Callable[[bytes], Awaitable[None]]
