"""All MCP servers that the settings name."""

import asyncio
from collections.abc import Iterable, Mapping

from app.outbound.way_out import WayOut
from app.settings.mcp import McpServerSettings
from app.tools.mcp.server import McpServer
from steps.effects import ToolInfo


class McpServers:
    """The servers by name, and their tools under the ids `<server>.<tool>`."""

    def __init__(
        self, settings: Mapping[str, McpServerSettings], way: WayOut | None = None
    ) -> None:
        self._servers = {name: McpServer(name, of_it, way) for name, of_it in settings.items()}

    def start(self) -> None:
        """Begin to connect to all of them, in the background; call it once, in the event loop."""
        for server in self._servers.values():
            server.start()

    async def settled(self) -> None:
        """Wait until each has been tried once; `startTimeout` bounds that."""
        await asyncio.gather(*(server.settled() for server in self._servers.values()))

    def find(self, name: str) -> McpServer | None:
        """Return a server by its name."""
        return self._servers.get(name)

    def all(self) -> Iterable[McpServer]:
        """Return the servers in the order of their names."""
        return [server for _, server in sorted(self._servers.items())]

    def tools(self) -> list[ToolInfo]:
        """List the tools that are known now; those of a server that is away stay listed."""
        return [
            ToolInfo(f"{server.name}.{tool.name}", tool.description, tool.input_schema)
            for server in self.all()
            for tool in server.tools.values()
        ]

    async def close(self) -> None:
        """End every connection and every process; takes seconds at most."""
        await asyncio.gather(*(server.close() for server in self._servers.values()))
