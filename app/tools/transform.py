"""The tool transform: reshapes data."""

from engine import Json, JsonObject
from steps.tools.tools import tool


@tool(pure=True)
async def transform(**fields: Json) -> JsonObject:
    """Return the inputs as one object.

    The inputs of a call-tool step are templates, so a step that only reshapes data for later steps
    calls this.
    """
    return fields
