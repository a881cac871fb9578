"""What the agents call. Each call leaves a line in the file that AGENT_CALLS names."""

import asyncio
import os
from pathlib import Path

from benchmarks.agents.tasks import LONG

SLOW_S = 0.5


def _note(name: str) -> None:
    with Path(os.environ["AGENT_CALLS"]).open("a") as file:
        file.write(f"{name}\n")


async def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    _note("add")
    return a + b


async def look(n: int) -> str:
    """Look something up."""
    _note(f"look {n}")
    await asyncio.sleep(float(os.environ.get("AGENT_PAUSE", "0")))
    return f"{n}: {LONG}"


async def slow(n: int) -> int:
    """Take half a second."""
    _note(f"slow {n}")
    await asyncio.sleep(SLOW_S)
    return n


async def fail(n: int) -> int:
    """Fail."""
    _note(f"fail {n}")
    raise ValueError("it does not work today")


ALL = (add, look, slow, fail)
