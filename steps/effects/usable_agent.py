"""A version of a stored agent, chosen for a step."""

from engine import JsonObject
from engine.value import value


@value(frozen=True, slots=True)
class Agent:
    """A version of a stored agent, as call-agent uses it.

    Attributes:
        id: Its id.
        version: The version that was chosen, so that a run can keep using it.
        definition: The document after validation.
    """

    id: str
    version: str
    definition: JsonObject
