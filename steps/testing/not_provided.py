"""The error for what a test has not provided, and the record of a tool call."""

from engine import JsonObject
from engine.value import value


class NotProvided(BaseException):
    """The step used something that the test has not provided.

    It is not an `Exception`, so that no `except Exception` in a step can hide it from the test.
    """

    def __init__(self, wanted: str, name: str) -> None:
        """Create the error.

        Args:
            wanted: What the step does, such as `reads the file f1`.
            name: The argument of `FakeEffects` that provides it.
        """
        super().__init__(f"the step {wanted}; provide it with FakeEffects({name}=...)")


@value(frozen=True, slots=True)
class ToolUse:
    """One call of a tool by a step.

    Attributes:
        tool_id: The tool's id.
        arguments: The arguments.
        call: Identifies the call within the step.
        idempotency_key: The key that the tool received.
    """

    tool_id: str
    arguments: JsonObject
    call: str
    idempotency_key: str
