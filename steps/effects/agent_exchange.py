"""What was said in a thread: one question to an agent, and its answer."""

from engine.value import value


@value(frozen=True, slots=True)
class Exchange:
    """What an agent was asked in a thread, and what it answered.

    Attributes:
        number: Which exchange of the thread it is, from 1.
        message: What was asked.
        answer: What was answered, fields as JSON.
    """

    number: int
    message: str
    answer: str
