"""Which edge a run takes out of a step."""

from collections.abc import Mapping

from engine.errors import ConditionFailed
from engine.graph import Condition, Edge, Occasion, Step
from engine.run import Run
from engine.scope import RunScope
from engine.values import Json


class NoWayOut(Exception):
    """No edge of the step can be taken; the message lists the edges that were tried."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


def next_step(run: Run, step: Step, occasion: Occasion) -> str | None:
    """Return the step to which the first true edge for `occasion` leads.

    The run has already left the step. Return None after a step that ends the run, and for an error
    or a cancel for which the step has no edge.

    Raises:
        NoWayOut: The step succeeded and no edge is true, or a condition cannot be evaluated.
    """
    edges = [edge for edge in step.edges if edge.on is occasion]
    names: Mapping[str, Json] | None = None
    for edge in edges:
        if edge.condition is None:
            return edge.target
        names = RunScope(run) if names is None else names
        if _holds(edge, edge.condition, names, step):
            return edge.target
    if step.ends or occasion is not Occasion.SUCCESS:
        return None
    tried = "; ".join(f"to {edge.target} if {edge.text}" for edge in edges) or "it has no edges"
    message = f"no edge out of step {step.id} is true: {tried}. Add an edge without a condition."
    raise NoWayOut("NoEdge", message)


def _holds(edge: Edge, condition: Condition, names: Mapping[str, Json], step: Step) -> bool:
    try:
        return condition(names)
    except ConditionFailed as failed:
        message = f"the edge from {step.id} to {edge.target}: {failed}"
        raise NoWayOut("ConditionFailed", message) from failed
