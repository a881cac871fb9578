"""All callable tools: Python functions and the tools of MCP servers."""

from collections.abc import Awaitable, Callable, Sequence

from app.telemetry import log
from app.tools.mcp.link import McpCall, McpUnavailable
from app.tools.mcp.server import McpServer
from app.tools.mcp.servers import McpServers
from engine import Json, JsonObject, iso_time
from steps.contract.step_type import StepBroke
from steps.effects.effects import ToolContext, ToolInfo
from steps.language.nearest import did_you_mean
from steps.tools.tools import Tool, Tools


class ToolCatalogue:
    """Finds a tool by its id: first a function's own id, then `<server>.<tool>`."""

    def __init__(self, functions: Tools, mcp: McpServers) -> None:
        self._functions = functions
        self._infos = {info.id: info for info in functions.describe()}
        self._mcp = mcp

    async def list(self) -> Sequence[ToolInfo]:
        """List the tools by id, after trying every MCP server once.

        If a server is unavailable, its last known tools are listed.
        """
        await self._mcp.settled()
        found = {info.id: info for info in self._mcp.tools()} | self._infos
        return [found[tool_id] for tool_id in sorted(found)]

    def is_pure(self, tool_id: str) -> bool:
        """Return whether a tool is a function that uses nothing but its arguments."""
        return self._functions.is_pure(tool_id)

    def call(
        self, tool_id: str, arguments: JsonObject, context_of: Callable[[], ToolContext]
    ) -> Awaitable[Json]:
        """Check the arguments, call the tool, and return its result as JSON. Raises `StepBroke`.

        `context_of` gives the caller.
        """
        found = self._functions.by_id.get(tool_id)
        if found is None:
            return self._call_server(tool_id, arguments, context_of)
        if found.is_in_thread:
            return self._call_in_thread(found, arguments, context_of)
        return self._functions.called(found, arguments, context_of)

    async def _call_server(
        self, tool_id: str, arguments: JsonObject, context_of: Callable[[], ToolContext]
    ) -> Json:
        name, _, tool = tool_id.partition(".")
        server = self._mcp.find(name)
        try:
            if server is not None and await server.knows(tool):
                context = context_of()
                return await server.call(
                    McpCall(tool, arguments, context.idempotency_key, context.answers)
                )
        except McpUnavailable as failed:
            raise self._mcp.failure(name, failed) from failed
        known = [*self._infos, *(info.id for info in self._mcp.tools())]
        message = f"there is no tool {tool_id}{did_you_mean(tool_id, known)}"
        raise StepBroke("UnknownTool", message, retryable=False)

    async def _call_in_thread(
        self, found: Tool, arguments: JsonObject, context_of: Callable[[], ToolContext]
    ) -> Json:
        try:
            return await self._functions.called(found, arguments, context_of)
        finally:
            if left := self._functions.left_running(found.id):
                context = context_of()
                log.tool_left_running(found.id, context.run_id, context.step_id, left)

    def ids(self) -> tuple[str, ...]:
        """Return the ids of the tools that can be called now, without waiting for any server."""
        return tuple(sorted({*(info.id for info in self._mcp.tools()), *self._infos}))

    def servers(self) -> tuple[str, ...]:
        """Return the names of the MCP servers; their tools are called `server.tool`."""
        return tuple(self._mcp.names())

    def document(self) -> JsonObject:
        """Describe the tools and servers as they are now, without waiting for any server."""
        shown = {info.id: _shown(info, "mcp") for info in self._mcp.tools()}
        shown |= {info.id: _shown(info, "function") for info in self._infos.values()}
        tools: list[Json] = [shown[tool_id] for tool_id in sorted(shown)]
        by_name = {server.name: server for server in self._mcp.all()}
        servers: list[Json] = [
            {**self._standing(name, by_name.get(name)), "signIn": self._sign_in(name)}
            for name in self._mcp.names()
        ]
        return {"tools": tools, "servers": servers}

    @staticmethod
    def _standing(name: str, server: McpServer | None) -> JsonObject:
        if server is None:
            error = "nobody has signed in"
            return {"name": name, "status": "signInNeeded", "error": error, "warnings": []}
        return {
            "name": name,
            "status": server.status,
            "error": server.error,
            "warnings": list(server.warnings),
        }

    def _sign_in(self, name: str) -> Json:
        if name not in self._mcp.with_person:
            return None
        known = self._mcp.signed_in(name)
        if known is None:
            return {"who": None, "at": None}
        return {"who": known.who, "at": iso_time(known.at_ms)}


def _shown(info: ToolInfo, source: str) -> JsonObject:
    return {
        "id": info.id,
        "description": info.description,
        "inputSchema": info.input_schema,
        "source": source,
    }
