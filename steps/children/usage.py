"""What child runs have asked of models, kept with the step that started them."""

from collections.abc import Sequence

from engine import Json
from steps.contract.records import CHILD_USAGE
from steps.contract.step_type import StepInput
from steps.effects.child_runs import ChildEnd
from steps.effects.effects import Effects
from steps.models.usage import together


async def record_usage(ends: Sequence[ChildEnd], step: StepInput, effects: Effects) -> None:
    """Keep what the child runs have asked of models, where they have."""
    usage = together(end.usage for end in ends)
    if usage is None:
        return

    async def work() -> Json:
        return {CHILD_USAGE: usage}

    await effects.record(f"attempt-{step.attempt}/usage", work)
