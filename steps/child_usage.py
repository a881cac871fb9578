"""What child runs have asked of models, kept with the step that started them."""

from collections.abc import Sequence

from engine import Json
from steps.child_runs import ChildEnd
from steps.contract import StepInput
from steps.effects import Effects
from steps.records import CHILD_USAGE
from steps.usage import together


async def record_usage(ends: Sequence[ChildEnd], step: StepInput, effects: Effects) -> None:
    """Keep what the child runs have asked of models, where they have."""
    usage = together(end.usage for end in ends)
    if usage is None:
        return

    async def work() -> Json:
        return {CHILD_USAGE: usage}

    await effects.record(f"attempt-{step.attempt}/usage", work)
