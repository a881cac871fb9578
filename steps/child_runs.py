"""Child runs as a step wants them, and how they stand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine import Json, JsonObject, Pause, RunError


@dataclass(frozen=True, slots=True)
class ChildRun:
    """A run that a step wants started.

    Attributes:
        workflow_id: The workflow's id.
        version: `latest`, `published` or a number; None: the published version, or the latest
            where none is published.
        data: The run's input.
        refused: Why the data could not be made; the run then exists only to say so.
    """

    workflow_id: str
    version: str | None
    data: JsonObject
    refused: RunError | None = None


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """Child runs that a step wants, numbered `first` to `first + total - 1`.

    Attributes:
        first: The number of the first, 0 for the first plan of a visit.
        total: How many there are.
        child: Returns one of them by its number; the same every time it is asked.
        concurrency: How many may be open at once.
        keep_going: Whether the others go on when one has failed.
    """

    first: int
    total: int
    child: Callable[[int], ChildRun]
    concurrency: int = 1
    keep_going: bool = False


@dataclass(frozen=True, slots=True)
class ChildEnd:
    """How one child run ended.

    Attributes:
        run_id: Its id.
        data: Its data at the end.
        result: Its result, a JSON value.
        error: Why it failed or was stopped; None: it completed.
        usage: What it and the runs below it have asked of models, None where that is nothing.
    """

    run_id: str
    data: JsonObject
    result: Json
    error: RunError | None = None
    usage: Json = None


@dataclass(frozen=True, slots=True)
class ChildrenEnded:
    """Every child run of a plan has ended, or one has failed and ends the plan.

    Attributes:
        ends: How they ended, in the order of the plan; the failed one alone where it ends it.
    """

    ends: Sequence[ChildEnd]


@dataclass(frozen=True, slots=True)
class ChildrenOpen:
    """Child runs of a plan are open.

    Attributes:
        total: How many child runs the visit has wanted so far.
        pause: What a person is asked, when all that are open wait for one.
    """

    total: int
    pause: Pause | None = None
