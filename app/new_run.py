"""What a run is started with."""

from dataclasses import dataclass, field

from engine import JsonObject, Parent, RunError
from journal import IdempotencyKey
from steps.compiled import Definition


@dataclass(frozen=True, slots=True)
class NewRun:
    """What a run is started with.

    Attributes:
        context: What the caller's token says beyond who it is.
        parent: The run whose step starts this one.
        refused: Why the run fails at once: its parent's step gave it what it cannot take.
        size: How many bytes the request had that starts it.
    """

    tenant: str
    workflow_id: str
    version: str
    definition: Definition
    data: JsonObject
    caller: str
    context: JsonObject = field(default_factory=dict)
    idempotency: IdempotencyKey | None = None
    parent: Parent | None = None
    refused: RunError | None = None
    size: int = 0
