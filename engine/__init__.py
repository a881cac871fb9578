"""The pure core: what a run is, what is due, and what follows from what happened.

The engine owns the order of things: which events are legal, which edge is taken, when a
retry is due, who wins a race. Its driver owns the world: it reads the clock, executes
steps, makes events durable before anything that depends on them leaves, and asks again.

    run = fold(history)                       # recovery, status, lists: one fold
    decide(run)                               # what is due; asking twice says the same
    react(run, graph, happened, now_ms)       # the events of one append, or a refusal
    apply(run, event)                         # the only way a run changes

Only the standard library is imported here: no clock, no randomness, no I/O.
"""

from engine.decide import (
    Abandon,
    Advance,
    AwaitRuns,
    AwaitSignal,
    AwaitTime,
    Decision,
    Execute,
    Stop,
    decide,
)
from engine.errors import (
    AlreadyCancelling,
    ConditionFailed,
    EngineError,
    IllegalTransition,
    NotPaused,
    Rejected,
    RunIsOver,
)
from engine.events import (
    EVENT_TYPES,
    AttemptFailed,
    AttemptInterrupted,
    CancelRequested,
    ChildrenAwaited,
    ChildrenResumed,
    Event,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunPaused,
    RunResumed,
    RunStarted,
    RunTerminated,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepRecorded,
    StepSlept,
    StepStarted,
    StepTimedOut,
)
from engine.graph import Condition, Edge, Graph, Occasion, OnInterrupted, Step
from engine.inputs import (
    Answered,
    AnswerKept,
    Asks,
    Awaits,
    Begin,
    Broke,
    Cancel,
    ChildResumed,
    Delivered,
    Input,
    Interrupted,
    InterruptionSettled,
    Recorded,
    Sleeps,
    Stopped,
    Terminate,
    TimerDue,
)
from engine.iso import iso_time
from engine.react import react
from engine.retry import RetryPolicy
from engine.run import Run, apply, fold
from engine.scope import scope
from engine.transitions import TRANSITIONS, State, Status
from engine.values import (
    CarriedVisit,
    Json,
    JsonObject,
    Origin,
    Parent,
    Record,
    RunError,
    Signal,
    StepError,
)
from engine.visit import Visit, VisitStatus

__all__ = [
    "EVENT_TYPES",
    "TRANSITIONS",
    "Abandon",
    "Advance",
    "AlreadyCancelling",
    "AnswerKept",
    "Answered",
    "Asks",
    "AttemptFailed",
    "AttemptInterrupted",
    "AwaitRuns",
    "AwaitSignal",
    "AwaitTime",
    "Awaits",
    "Begin",
    "Broke",
    "Cancel",
    "CancelRequested",
    "CarriedVisit",
    "ChildResumed",
    "ChildrenAwaited",
    "ChildrenResumed",
    "Condition",
    "ConditionFailed",
    "Decision",
    "Delivered",
    "Edge",
    "EngineError",
    "Event",
    "Execute",
    "Graph",
    "IllegalTransition",
    "Input",
    "Interrupted",
    "InterruptionSettled",
    "Json",
    "JsonObject",
    "NotPaused",
    "Occasion",
    "OnInterrupted",
    "Origin",
    "Parent",
    "Record",
    "Recorded",
    "Rejected",
    "RetryPolicy",
    "Run",
    "RunCancelled",
    "RunCompleted",
    "RunError",
    "RunFailed",
    "RunIsOver",
    "RunPaused",
    "RunResumed",
    "RunStarted",
    "RunTerminated",
    "Signal",
    "Sleeps",
    "State",
    "Status",
    "Step",
    "StepCancelled",
    "StepCompleted",
    "StepError",
    "StepFailed",
    "StepRecorded",
    "StepSlept",
    "StepStarted",
    "StepTimedOut",
    "Stop",
    "Stopped",
    "Terminate",
    "TimerDue",
    "Visit",
    "VisitStatus",
    "apply",
    "decide",
    "fold",
    "iso_time",
    "react",
    "scope",
]
