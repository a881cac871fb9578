"""The check of arguments before a call goes to an MCP server."""

from app.telemetry import log
from engine import JsonObject
from steps.contract import StepBroke, listed
from steps.tool_arguments import ArgumentsSchema, UnusableSchema


class Arguments:
    """The check of one tool's arguments; a schema that cannot be read checks nothing."""

    def __init__(self, tool_id: str, schema: JsonObject) -> None:
        self._tool_id = tool_id
        self._schema: ArgumentsSchema | None = None
        try:
            self._schema = ArgumentsSchema(schema)
        except UnusableSchema as odd:
            log.mcp_schema_unusable(tool_id, odd)

    def check(self, arguments: JsonObject) -> None:
        """Raise `StepBroke` that names every field that is wrong, up to a handful."""
        wrong = self._schema.problems(arguments, "inputs") if self._schema else []
        if wrong:
            message = f"tool {self._tool_id} cannot take these inputs: {listed(wrong)}"
            raise StepBroke("InvalidToolInput", message, retryable=False)
