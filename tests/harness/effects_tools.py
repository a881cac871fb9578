"""Tools for the tests of effects, as a plug-in and as plain functions."""

from steps import ToolContext, tool


@tool(id="sum", pure=True)
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


@tool(id="read")
async def read(file: str, context: ToolContext) -> list[str]:
    """Read a file."""
    stored = await context.file(file)
    return [stored.content.decode(), context.idempotency_key, context.step_id]
