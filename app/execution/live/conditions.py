"""Conditions of edges that look at much, asked beside the event loop before the run goes on.

Which edge a run takes is the engine's to say, and it says so at once, on the loop. Where that would
take long, the engine is asked beforehand in a thread, with a copy of the run, and the answers of
the conditions are kept for when it is asked again.
"""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager

from app.concurrency.offload import offload
from app.secrets.sensitive import is_much
from engine import Delivered, Graph, Input, Json, Run, react, scope
from engine.value import value
from steps.document.edge_condition import Answers, Condition, answered_by
from steps.language.allowance import Allowance
from steps.language.beside import is_long
from steps.language.frozen import FrozenValues, frozen_by


@value(frozen=True, slots=True)
class Answered:
    """What the conditions have said.

    Attributes:
        happened: Of what they were asked.
        seq: Where the history of the run ended then.
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
    sensitive: Collection[str] = (),
) -> Answered | None:
    """Return the answers of the conditions that `happened` leads to; None where they are short.

    Inside of `opened` they read the fields of the data that are `sensitive`.
    """
    if run.current is None or not _are_long(run, graph, happened, sensitive):
        return None
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


def _are_long(run: Run, graph: Graph, happened: Input, sensitive: Collection[str]) -> bool:
    assert run.current is not None  # noqa: S101 - the caller has looked
    edges = graph.steps[run.current.step_id].edges
    conditions = [edge.condition for edge in edges if isinstance(edge.condition, Condition)]
    if not conditions:
        return False
    given = happened.data if isinstance(happened, Delivered) else {}
    if sensitive and is_much({**run.data, **given}, sensitive):
        return True
    if isinstance(happened, Delivered) and is_long([happened.output, happened.data]):
        return True
    names: Mapping[str, Json] = scope(run)
    return any(condition.is_long(names) for condition in conditions)
