"""A version of a stored agent, chosen for a step."""

from engine import JsonObject
from engine.value import value


@value(frozen=True, slots=True)
class Agent:
    """A version of a stored agent, as call-agent uses it.

    Attributes:
        id: Its id.
        version: The version that a selector chose, so that a run can stay with it.
        definition: The document as it was saved and checked.
    """

    id: str
    version: str
    definition: JsonObject
