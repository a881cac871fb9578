"""Records the model usage of child runs with the step that started them."""

from collections.abc import Sequence

from steps.contract.records import CHILD_USAGE, keep
from steps.contract.step_type import StepInput
from steps.effects.child_runs import ChildEnd
from steps.effects.effects import Effects
from steps.models.usage import together


async def record_usage(ends: Sequence[ChildEnd], step: StepInput, effects: Effects) -> None:
    """Record the model usage of the child runs, if there is any."""
    usage = together(end.usage for end in ends)
    if usage is not None:
        await keep(effects, f"attempt-{step.attempt}/usage", {CHILD_USAGE: usage})
