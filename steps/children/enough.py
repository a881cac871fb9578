"""How many of several child runs must complete, and the failure when too many have failed."""

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from engine.counted import counted
from steps.children.failure import of_child
from steps.contract.step_type import StepBroke
from steps.effects.child_runs import ChildEnd, ChildPlan

Enough: TypeAlias = (
    Literal["all", "any", "first"] | Annotated[int, Field(strict=True, ge=1, le=100_000)]
)
Others: TypeAlias = Literal["cancel", "continue"]
NO_OTHERS = "with `enough` `all` there are no others"
STOPPED = frozenset({"ChildCancelled", "ChildTerminated"})
"""The errors of child runs that their parent or a person stopped."""

_MOST_SHOWN = 5
_LONGEST = 300


def wanted(enough: Enough, total: int) -> int:
    """Return how many of `total` must complete."""
    if isinstance(enough, int):
        return enough
    return total if enough == "all" else 1


def not_enough(plan: ChildPlan, ends: Sequence[ChildEnd], named: Callable[[int], str]) -> StepBroke:
    """Return the failure of a step when too few of its child runs can still complete.

    It names the first failed child run, and its message lists the errors of the first few.
    """
    failed = [end for end in ends if end.error is not None]
    shown = [
        f"{named(end.number)}: {end.error.type}: {end.error.message[:_LONGEST]}"
        for end in failed[:_MOST_SHOWN]
        if end.error is not None
    ]
    more = f"; and {len(failed) - _MOST_SHOWN} more" if len(failed) > _MOST_SHOWN else ""
    why = f" ({'; '.join(shown)}{more})" if shown else ""
    wanted_ones = f"{plan.enough} of {plan.total}"
    if plan.named:
        wanted_ones = ", ".join(named(number) for number in sorted(plan.named))
    message = f"{wanted_ones} must complete, and {counted(len(failed), 'has', 'have')} failed{why}"
    hopeless = {end.number for end in failed if end.error and not end.error.retryable}
    again = not plan.is_out_of_reach(hopeless)
    broke = StepBroke("NotEnough", message, retryable=again)
    if failed and failed[0].error:
        broke.error = of_child(broke.error, failed[0], failed[0].error)
    return broke
