"""What steps do to the world in service: the live effects."""

from collections.abc import Awaitable, Callable

from app.clock import Clock
from app.http_client import HttpClient
from engine import Json, JsonObject
from steps.contract import HttpRequest, HttpResponse, StoredFile, ToolContext
from steps.tools import Tools


class LiveEffects:
    """The effects of one tenant's steps, for real."""

    def __init__(
        self,
        clock: Clock,
        client: HttpClient,
        tools: Tools,
        read_file: Callable[[str], Awaitable[StoredFile]],
    ) -> None:
        self._clock = clock
        self._client = client
        self._tools = tools
        self._read_file = read_file

    def now_ms(self) -> int:
        """Give the wall clock's time in Unix milliseconds."""
        return self._clock.now_ms()

    async def http(self, request: HttpRequest) -> HttpResponse:
        """Send a request."""
        return await self._client.send(request)

    async def tool(self, tool_id: str, arguments: JsonObject, context: ToolContext) -> Json:
        """Call a tool."""
        return await self._tools.call(tool_id, arguments, context)

    async def file(self, file_id: str) -> StoredFile:
        """Read an uploaded file."""
        return await self._read_file(file_id)
