"""Where a body goes as it comes, instead of into memory."""

from collections.abc import Awaitable, Callable

from engine.value import value


@value(frozen=True, slots=True)
class Sink:
    """Where the body of a good answer goes as it comes.

    Attributes:
        takes: Says of a status whether the answer is good.
        write: Takes the next bytes.
    """

    takes: Callable[[int], bool]
    write: Callable[[bytes], Awaitable[None]]
