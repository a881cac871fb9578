"""Tools and a step type for tests."""

import time

from steps import Effects, NeedsAnswer, StepInput, StepSettings, StepType, tool
from steps.contract import Outcome


@tool
async def add(a: int, b: int = 1) -> dict[str, int]:
    """Add two numbers."""
    return {"sum": a + b}


@tool
def sleep(seconds: float) -> str:
    """Sleep in a thread."""
    time.sleep(seconds)
    return "slept"


@tool
def explode() -> None:
    """Fail."""
    raise RuntimeError("it exploded")


class FragileSettings(StepSettings):
    """Nothing to set."""


class Fragile(StepType[FragileSettings]):
    """Pauses, and has a bug in what takes the answer."""

    type = "fragile"
    settings = FragileSettings

    async def execute(
        self, settings: FragileSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        return NeedsAnswer("collect_inputs", {"stepId": step.step_id, "fields": {}})

    def accept(self, *_: object) -> None:
        raise RuntimeError("sk_canary_must_not_be_shown")
