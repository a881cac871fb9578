"""Tools and a step type for tests."""

import asyncio
import base64
import time
from pathlib import Path

from steps import Effects, Pause, Pauses, StepInput, StepSettings, StepType, ToolContext, tool
from steps.contract.step_type import Outcome


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
        return Pauses(Pause("collect_inputs", {"stepId": step.step_id, "fields": {}}))

    def accept(self, *_: object) -> None:
        raise RuntimeError("sk_canary_must_not_be_shown")


@tool
def note(file: str, word: str, context: ToolContext) -> str:
    """Append the word and the call's key to a file: what was done is there, also after a kill."""
    with Path(file).open("a") as out:
        out.write(f"{word} {context.idempotency_key}\n")
    return word


@tool(pure=True)
def purely_add(a: int, b: int = 1) -> dict[str, int]:
    """Add two numbers, touching nothing else."""
    return {"sum": a + b}


@tool
async def stubborn(seconds: float) -> str:
    """Take some time to stop."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await asyncio.sleep(seconds)
        raise
    return "slept"


@tool
def shoot(size: int) -> dict[str, object]:
    """Give a picture as tools of MCP servers do."""
    data = base64.b64encode(b"\x89PNG%d" % size).decode()
    return {"content": [{"type": "image", "mimeType": "image/png", "data": data}], "text": ""}
