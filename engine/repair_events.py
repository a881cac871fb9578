"""The facts of a history that a person brings about who repairs the run.

Each says who did it (`caller`) and why (`reason`), and is followed in the same append by what
comes of it.
"""

from dataclasses import field
from typing import TypeAlias

from engine.value import value
from engine.values import Json, JsonObject


@value(frozen=True, slots=True)
class WaitEnded:
    """A person ended the wait of a step: its next attempt is made now, or its sleep is over."""

    at_ms: int
    step_id: str
    visit: int
    reason: str | None = None
    caller: str = ""


@value(frozen=True, slots=True)
class StepGivenUp:
    """A person had a step fail that waited for its next attempt, or slept."""

    at_ms: int
    step_id: str
    visit: int
    reason: str | None = None
    caller: str = ""


@value(frozen=True, slots=True)
class StepSkipped:
    """A person gave the output of a step that waited, in its place."""

    at_ms: int
    step_id: str
    visit: int
    reason: str | None = None
    caller: str = ""


@value(frozen=True, slots=True)
class DataChanged:
    """A person changed the data of a run that was at rest.

    Attributes:
        data: What is put in the place of fields, or beside them.
        removed: The names that are taken out.
    """

    at_ms: int
    data: JsonObject = field(default_factory=dict)
    removed: list[Json] = field(default_factory=list)
    reason: str | None = None
    caller: str = ""


@value(frozen=True, slots=True)
class RunHeld:
    """A person holds the run: no step and no attempt begins until it is released."""

    at_ms: int
    reason: str | None = None
    caller: str = ""


@value(frozen=True, slots=True)
class RunReleased:
    """A person lets a run go on that was held."""

    at_ms: int
    reason: str | None = None
    caller: str = ""


RepairEvent: TypeAlias = WaitEnded | StepGivenUp | StepSkipped
"""The repairs of the step that the run is in."""
