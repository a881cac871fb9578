"""transform: give data another shape."""

from engine import Json, JsonObject
from steps.tools.tools import tool


@tool(pure=True)
async def transform(**fields: Json) -> JsonObject:
    """Give back the inputs as one object.

    The inputs of a call-tool step are templates, so a step that only reshapes data for the
    steps behind it calls this.
    """
    return fields
