"""Evaluates edge conditions that read a lot of data in a thread, before the run continues.

The engine decides which edge a run takes, synchronously on the event loop. If that would take too
long, the engine is first asked in a thread, with a copy of the run. The results of the conditions
are kept and used when the engine is asked again on the loop.
"""

from collections.abc import Collection
from contextlib import AbstractContextManager

from app.concurrency.offload import offload
from app.secrets.sensitive import is_much
from engine import Delivered, Graph, Input, Run, RunScope, Step, react
from engine.value import value
from steps.document.edge_condition import Answers, Condition, answered_by
from steps.language.allowance import Allowance
from steps.language.beside import is_long
from steps.language.frozen import FrozenValues, frozen_by


@value(frozen=True, slots=True)
class Answered:
    """The results of the conditions.

    Attributes:
        happened: The engine input for which they were evaluated.
        seq: Where the history of the run ended at that time.
    """

    happened: Input
    seq: int
    answers: Answers


async def answered_before(  # noqa: PLR0913 - what conditions are asked with
    run: Run,
    graph: Graph,
    happened: Input,
    frozen: FrozenValues,
    now_ms: int,
    opened: AbstractContextManager[None],
) -> Answered | None:
    """Return the results of the conditions that follow from `happened`; None if one failed.

    Within `opened` they can read the sensitive fields of the data.
    """
    seq, copy = run.seq, run.copy()
    answers: Answers = {}

    def ask() -> None:
        with Allowance(), frozen_by(frozen), opened, answered_by(answers):
            react(copy, graph, happened, now_ms)

    try:
        await offload(ask)
    except Exception:  # noqa: BLE001 - it is told when the run itself is asked
        return None
    return Answered(happened, seq, answers)


def are_long(run: Run, step: Step, happened: Input, sensitive: Collection[str]) -> bool:
    """Return whether the conditions that follow from `happened` may read much data."""
    if isinstance(happened, Delivered):
        if sensitive and is_much({**run.data, **happened.data}, sensitive):
            return True
        if is_long([happened.output, happened.data]):
            return True
    elif sensitive and is_much(run.data, sensitive):
        return True
    names = RunScope(run)
    for edge in step.edges:
        if isinstance(edge.condition, Condition) and edge.condition.is_long(names):
            return True
    return False
