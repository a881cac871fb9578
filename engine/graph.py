"""The part of a definition that decides the order of execution: steps, edges, policies."""

from collections.abc import Callable, Mapping
from dataclasses import field
from enum import StrEnum

from engine.retry import RetryPolicy
from engine.value import value
from engine.values import Json

Condition = Callable[[Mapping[str, Json]], bool]
"""Says whether an edge may be taken, given the run's scope; raises `ConditionFailed`."""


class OnInterrupted(StrEnum):
    """What happens to an attempt that a crash interrupted."""

    RETRY = "retry"
    FAIL = "fail"
    ASK = "ask"


class Occasion(StrEnum):
    """The outcome of a step for which an edge is considered."""

    SUCCESS = "success"
    ERROR = "error"
    TIMEOUT = "timeout"
    CANCEL = "cancel"


@value(frozen=True, slots=True)
class Edge:
    """A connection from one step to the next.

    Attributes:
        target: The step to which it leads.
        on: The outcome for which it is considered.
        condition: None marks the default edge.
        text: The condition as written, for error messages.
    """

    target: str
    on: Occasion = Occasion.SUCCESS
    condition: Condition | None = None
    text: str | None = None


@value(frozen=True, slots=True)
class Step:
    """What the engine must know about a step.

    Attributes:
        ends: True for a step that ends the run.
        edges: The edges out of the step, in the order in which they are tried.
        sure: The next step for each occasion where it does not depend on the run's data.
        has_conditions: Whether an edge has a condition, which reads the state of the run.
    """

    id: str
    type: str
    name: str | None = None
    ends: bool = False
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    on_interrupted: OnInterrupted = OnInterrupted.RETRY
    edges: tuple[Edge, ...] = ()
    sure: Mapping[Occasion, str] = field(init=False, compare=False, repr=False)
    has_conditions: bool = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        first = {edge.on: edge for edge in reversed(self.edges)}
        sure = {on: edge.target for on, edge in first.items() if edge.condition is None}
        object.__setattr__(self, "sure", sure)
        found = any(edge.condition is not None for edge in self.edges)
        object.__setattr__(self, "has_conditions", found)


@value(frozen=True, slots=True)
class Graph:
    """The steps of one version of a workflow and where a run begins.

    Attributes:
        max_step_executions: How many steps one run may enter before it fails.
        on_error: The step that is entered when no edge handles a failure.
        at_end: The step that is entered however the run ends: the start of its `finally`.
        timeout_ms: How long a run may take, excluding its handlers; None: no limit.
    """

    initial: str
    steps: Mapping[str, Step]
    max_step_executions: int = 1_000
    on_error: str | None = None
    at_end: str | None = None
    timeout_ms: int | None = None

    def has_conditions_after(self, step_id: str) -> bool:
        """Return whether an edge out of a step has a condition."""
        step = self.steps.get(step_id)
        return step is not None and step.has_conditions

    @property
    def max_clean_up_executions(self) -> int:
        """How many further steps a run may enter to clean up or in a handler.

        It is the run's own limit, but at least enough to enter each step once.
        """
        return max(self.max_step_executions, len(self.steps))
