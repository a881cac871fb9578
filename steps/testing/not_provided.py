"""What a test of a step has not provided, and what a step has called."""

from engine import JsonObject
from engine.value import value


class NotProvided(BaseException):
    """The step has asked for something that the test has not provided.

    It is no `Exception`, so that no `except Exception` in a step can hide it from the test.
    """

    def __init__(self, wanted: str, name: str) -> None:
        """Take what is missing.

        Args:
            wanted: What the step does, such as `reads the file f1`.
            name: The argument of `FakeEffects` that provides it.
        """
        super().__init__(f"the step {wanted}; provide it with FakeEffects({name}=...)")


@value(frozen=True, slots=True)
class ToolUse:
    """One call of a tool that a step has made.

    Attributes:
        tool_id: The tool's id.
        arguments: What it was given.
        call: What tells several calls of one step apart.
        idempotency_key: The key that the tool was given.
    """

    tool_id: str
    arguments: JsonObject
    call: str
    idempotency_key: str
