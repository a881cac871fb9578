"""How a run that waits for a place reacts when it is admitted or refused."""

from engine.advance import advance
from engine.apply import happen
from engine.counted import counted
from engine.events import Event, RunAdmitted, RunFailed
from engine.graph import Graph
from engine.inputs import Admit, TurnAway
from engine.run import Run
from engine.transitions import State
from engine.values import RunError


def place(run: Run, graph: Graph, happened: Admit | TurnAway, now_ms: int) -> tuple[Event, ...]:
    """Begin the run or fail it; do nothing if it no longer waits."""
    if run.state is not State.QUEUED or run.place is None:
        return ()
    if isinstance(happened, TurnAway):
        limit = run.place.limit
        message = (
            f"{counted(limit, 'run')} of workflow {run.workflow_id}"
            + (f" for {run.place.key!r}" if run.place.key else "")
            + f" {'is' if limit == 1 else 'are'} under way, which is the limit"
        )
        return (happen(run, RunFailed(now_ms, RunError(None, "LimitReached", message))),)
    deadline_ms = None
    if graph.timeout_ms is not None and not run.handler:
        deadline_ms = now_ms + graph.timeout_ms
    admitted = happen(run, RunAdmitted(now_ms, deadline_ms))
    return (admitted, *advance(run, graph, now_ms))
