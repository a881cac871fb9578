"""How an outcome, a timer that is due, or a command changes a run.

`react` returns the events of one append. Each append moves the run on past READY: into the next
step, into a wait, or to its end. A restart therefore never finds unfinished work between two steps.
"""

from engine.advance import advance
from engine.events import Event
from engine.graph import Graph
from engine.inputs import (
    Admit,
    Answered,
    AnswerKept,
    Begin,
    Cancel,
    ChangeData,
    ChangePause,
    ChildrenStopped,
    ChildResumed,
    Delivered,
    Detach,
    GiveUp,
    HoldRun,
    Input,
    InterruptionSettled,
    Recorded,
    ReleaseRun,
    SkipStep,
    Terminate,
    TimerDue,
    TryNow,
    TurnAway,
)
from engine.react_command import answer, at_once, cancel
from engine.react_outcome import child_resumed, children_stopped, delivered, outcome, recorded
from engine.react_place import place
from engine.react_repair import repair
from engine.react_timer import timer
from engine.run import Run
from engine.straight import goes_straight_on
from engine.transitions import State

Events = tuple[Event, ...]
_EXECUTING, _READY = State.EXECUTING, State.READY  # as in `decide`


def react(run: Run, graph: Graph, happened: Input, now_ms: int) -> Events:
    """Change the run by what happened, and return the events that record the change.

    Return no events for a timer that is not due, or for an outcome that the run no longer expects.
    When this raises, the run is unchanged.

    Raises:
        NotPaused: An answer came for a run that does not wait for a person.
        RunIsOver: A command came for a run that has ended.
        AlreadyCancelling: A second cancel came.
        NotWaiting: A repair came for a run in a state in which that repair is not possible.
    """
    match happened:
        case Delivered() if run.state is _EXECUTING:
            straight = goes_straight_on(run, graph, happened, now_ms)
            return straight or delivered(run, graph, happened, now_ms)
        case Begin():
            return advance(run, graph, now_ms) if run.state is _READY else ()
        case Admit() | TurnAway():
            return place(run, graph, happened, now_ms)
        case TimerDue():
            return timer(run, graph, happened, now_ms)
        case Recorded():
            return recorded(run, happened, now_ms)
        case ChildResumed():
            return child_resumed(run, now_ms, happened.key)
        case ChildrenStopped():
            return children_stopped(run, graph, now_ms)
        case Answered() | AnswerKept() | InterruptionSettled() | ChangePause():
            return answer(run, graph, happened, now_ms)
        case Cancel():
            return cancel(run, graph, happened, now_ms)
        case Terminate() | Detach():
            return at_once(run, happened, now_ms)
        case TryNow() | GiveUp() | SkipStep() | ChangeData() | HoldRun() | ReleaseRun():
            return repair(run, graph, happened, now_ms)
        case _:
            return outcome(run, graph, happened, now_ms)
