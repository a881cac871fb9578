"""One exchange of a thread: a message to an agent, and its answer."""

from engine.value import value


@value(frozen=True, slots=True)
class Exchange:
    """One message to an agent in a thread, and its answer.

    Attributes:
        number: The number of the exchange in the thread, from 1.
        message: The message.
        answer: The answer; fields are written as JSON.
    """

    number: int
    message: str
    answer: str
