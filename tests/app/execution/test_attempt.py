"""The timeout of an attempt counts the time that the step acts, not its waits for a turn."""

import asyncio
from typing import Any

from app.concurrency.fair_queue import FairQueue
from app.execution.attempts.attempt import Attempt
from engine import (
    Begin,
    Broke,
    Delivered,
    Execute,
    Input,
    RunStarted,
    decide,
    fold,
    react,
)
from steps.definition import compile_definition
from steps.registry import Registry
from steps.testing import FakeEffects

CALL = {"id": "a", "type": "call-tool", "toolId": "shared", "timeout": "50ms"}
END = {"id": "end", "type": "end-flow"}
FLOW: dict[str, Any] = {
    "name": "F", "initialStep": "a", "steps": [CALL, END], "edges": [{"from": "a", "to": "end"}],
}  # fmt: skip


async def attempted(tool: Any) -> Input:
    """Return the outcome of one attempt of a step that calls this tool."""
    definition = compile_definition(FLOW, Registry.standard())
    run = fold([RunStarted(1, "run-1", "f", "1.0.0", "a", {})])
    react(run, definition.graph, Begin(), 2)
    due = decide(run)
    assert isinstance(due, Execute)
    effects = FakeEffects(tool_results={"shared": tool})
    task = asyncio.current_task()
    assert task is not None
    attempt = Attempt(run.id, due, definition, definition.steps["a"], effects, acts=True)
    attempt.begin(task)
    return await attempt.execute(run)


async def test_a_tool_that_waits_for_its_turn_is_not_timed_out() -> None:
    queue = FairQueue(1)
    await queue.wait("other", 1)

    async def shared(arguments: Any) -> str:
        async with queue.turn("mine"):
            return "read"

    waiting = asyncio.create_task(attempted(shared))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    queue.give("other", 1)
    assert isinstance(await waiting, Delivered)


async def test_a_tool_that_runs_too_long_is_timed_out() -> None:
    async def shared(arguments: Any) -> str:
        try:
            await asyncio.sleep(3_600)
        except asyncio.CancelledError as stopped:
            stopped.add_note("half of it had come by then")
            raise
        return "never"

    outcome = await attempted(shared)
    assert isinstance(outcome, Broke)
    assert (outcome.error.type, outcome.error.message) == (
        "Timeout",
        "the attempt took longer than its timeout of 0.05 s; half of it had come by then",
    )
