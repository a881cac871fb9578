"""The events of repairs that a person makes to a run.

Each says who did it (`caller`) and why (`reason`), and under which idempotency key, if any, with a
fingerprint of what it was used for. The events that result from it follow in the same append.
"""

from dataclasses import field
from typing import TypeAlias

from engine.value import value
from engine.values import Json, JsonObject


@value(frozen=True, slots=True)
class WaitEnded:
    """A person ended a step's wait: its next attempt is made now, or its sleep is over."""

    at_ms: int
    step_id: str
    visit: int
    reason: str | None = None
    caller: str = ""
    key: str = ""
    fingerprint: str = ""


@value(frozen=True, slots=True)
class StepGivenUp:
    """A person failed a step that was waiting for its next attempt or sleeping."""

    at_ms: int
    step_id: str
    visit: int
    reason: str | None = None
    caller: str = ""
    key: str = ""
    fingerprint: str = ""


@value(frozen=True, slots=True)
class StepSkipped:
    """A person gave the output of a waiting step in its place."""

    at_ms: int
    step_id: str
    visit: int
    reason: str | None = None
    caller: str = ""
    key: str = ""
    fingerprint: str = ""


@value(frozen=True, slots=True)
class DataChanged:
    """A person changed the data of a run between attempts.

    Attributes:
        data: The fields that are replaced or added.
        removed: The names that are removed.
    """

    at_ms: int
    data: JsonObject = field(default_factory=dict)
    removed: list[Json] = field(default_factory=list)
    reason: str | None = None
    caller: str = ""
    key: str = ""
    fingerprint: str = ""


@value(frozen=True, slots=True)
class RunHeld:
    """A person holds the run: no step and no attempt begins until it is released."""

    at_ms: int
    reason: str | None = None
    caller: str = ""
    key: str = ""
    fingerprint: str = ""


@value(frozen=True, slots=True)
class RunReleased:
    """A person released a run that was held."""

    at_ms: int
    reason: str | None = None
    caller: str = ""
    key: str = ""
    fingerprint: str = ""


RepairEvent: TypeAlias = WaitEnded | StepGivenUp | StepSkipped
"""The repairs of the run's current step."""
