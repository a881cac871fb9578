"""The tools of the agents. Each call adds a line to the file named by AGENT_CALLS.

While that file's name with `.held` exists, the third `look` blocks: the process is killed in it.
"""

import asyncio
import os
from pathlib import Path

from benchmarks.agents.tasks import LONG

SLOW_S, _LOOK_AGAIN_S, HELD_AT = 0.5, 0.01, 2


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
    held = Path(os.environ["AGENT_CALLS"] + ".held")
    while n == HELD_AT and held.exists():  # noqa: ASYNC110, ASYNC240 - a file is what all can see
        await asyncio.sleep(_LOOK_AGAIN_S)
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
