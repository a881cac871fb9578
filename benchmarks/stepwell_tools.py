"""The tools that the measured workflows call."""

from benchmarks.gate import wait_at_the_gate
from steps import tool


@tool
async def add(a: int, b: int = 1) -> dict[str, int]:
    """Add two numbers."""
    return {"sum": a + b}


@tool(pure=True)
def purely_add(a: int, b: int = 1) -> dict[str, int]:
    """Add two numbers, touching nothing else."""
    return {"sum": a + b}


@tool
async def gated_add(a: int, b: int = 1) -> dict[str, int]:
    """Add two numbers once the gate is open."""
    await wait_at_the_gate()
    return {"sum": a + b}
