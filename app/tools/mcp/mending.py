"""Messages of an MCP server that differ from the book, put right before the library reads them.

The library refuses an answer as a whole for one thing in it. Here one tool with a schema that
cannot be is offered with an open one, so that the others stay usable, and what a tool has
answered, which may have had its effect, is read whatever its shape.
"""

import json
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import anyio
from mcp.client import Transport
from mcp.shared.message import SessionMessage
from mcp_types import (
    CONNECTION_CLOSED,
    INTERNAL_ERROR,
    REQUEST_TIMEOUT,
    JSONRPCError,
    JSONRPCRequest,
    JSONRPCResponse,
    Tool,
)
from mcp_types.methods import validate_server_result
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from app.tools.mcp.http import SESSION_OVER, UNREACHABLE
from app.tools.mcp.misread import read_anyhow

LOST = (anyio.ClosedResourceError, anyio.BrokenResourceError)
"""What says that a connection is closed."""

_STRICTEST = "2025-11-25"
_UNSAID_VERSION = "2025-03-26"
"""The protocol of a server that names none, as the protocol itself has it for HTTP."""

_MOST_PENDING = 10_000
_OPEN = {"type": "object"}
_BROKEN_STREAM = "SSE stream"  # how the library begins what it says of a lost connection
_LONGEST_QUOTE = 300
_DEEPEST = 64
_BESIDE_CONTENT = frozenset({"_meta", "content", "isError", "resultType", "structuredContent"})
_UNTYPED = {"image": "image/unknown", "audio": "audio/unknown"}
"""What bytes are called whose kind a server does not say; they are no text."""


@dataclass(slots=True)
class Handed:
    """Whether a call was handed to the transport, so that the server may have read it."""

    over: bool = False


handed: ContextVar[Handed | None] = ContextVar("handed", default=None)
"""That of the call that a task makes."""


class MendedTransport(Transport):
    """A transport whose messages are mended on their way.

    Attributes:
        warnings: What was mended in tools that were listed, oldest first; whoever has read
            them empties the list.
    """

    def __init__(self, inner: Transport) -> None:
        self.warnings: list[str] = []
        self._inner = inner
        self._asked: dict[Any, str] = {}
        self._is_modern = True

    async def __aenter__(self) -> tuple[Any, Any]:
        """Open the transport."""
        reads, writes = await self._inner.__aenter__()
        return _Stream(reads, self._received), _Sink(writes, self._sent)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> bool | None:
        """Close the transport."""
        return await self._inner.__aexit__(kind, error, at)

    def _sent(self, item: SessionMessage) -> None:
        message = item.message
        if isinstance(message, JSONRPCRequest):
            self._asked[message.id] = message.method
            if len(self._asked) > _MOST_PENDING:
                del self._asked[next(iter(self._asked))]

    def _received(self, item: SessionMessage | Exception) -> SessionMessage | Exception:
        if isinstance(item, ValidationError):
            item = read_anyhow(item) or item
        if isinstance(item, SessionMessage) and isinstance(item.message, JSONRPCResponse):
            item.message = self._mended(item.message)
        elif isinstance(item, SessionMessage) and isinstance(item.message, JSONRPCError):
            error = item.message.error
            if self._asked.pop(item.message.id, "") == "tools/call" and _is_of_tool(item.message):
                # The library has these codes for the connection and for late answers.
                item.message.error = error.model_copy(update={"code": INTERNAL_ERROR})
        return item

    def _mended(self, message: JSONRPCResponse) -> JSONRPCResponse:
        request_id = message.id
        if request_id not in self._asked:
            # Some servers answer to the text of a number.
            same = (key for key in self._asked if str(key) == str(request_id))
            request_id = next(same, request_id)
        method, result = self._asked.pop(request_id, ""), message.result
        if method == "initialize":
            result = _greeting(result)
            self._is_modern = result.get("protocolVersion") in MODERN_PROTOCOL_VERSIONS
        elif method == "tools/list":
            cursor = self._cursor(result.get("nextCursor"))
            result = {**result, "tools": self._tools(result.get("tools")), "nextCursor": cursor}
        elif method == "tools/call" and _is_result(result):
            result = _call_result(result, is_modern=self._is_modern)
        return message.model_copy(update={"id": request_id, "result": result})

    def _tools(self, listed: object) -> list[dict[str, Any]]:
        found = [_mended_tool(tool, self.warnings.append) for tool in _items(listed)]
        return [tool for tool in found if tool is not None]

    def _cursor(self, given: object) -> str | None:
        if given is None or isinstance(given, str):
            return given
        if isinstance(given, int):
            return str(given)
        self.warnings.append("the list of tools breaks off: its nextCursor is not a text")
        return None


class _Stream:
    """What comes from the server."""

    def __init__(self, inner: Any, mend: Callable[[Any], Any]) -> None:
        self._inner = inner
        self._mend = mend

    @property
    def last_context(self) -> Any:
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> Any:
        return self._mend(await self._inner.receive())

    async def aclose(self) -> None:
        await self._inner.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return self._mend(await self._inner.__anext__())

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *how: object) -> bool | None:
        left: bool | None = await self._inner.__aexit__(*how)
        return left


class _Sink:
    """What goes to the server."""

    def __init__(self, inner: Any, note: Callable[[Any], None]) -> None:
        self._inner = inner
        self._note = note

    async def send(self, item: Any) -> None:
        self._note(item)
        call = handed.get() if _is_call(item) else None
        try:
            await self._inner.send(item)
        except LOST:
            raise  # nobody took it
        except BaseException:
            if call:
                call.over = True  # it may have been taken in the same moment
            raise
        if call:
            call.over = True

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *how: object) -> bool | None:
        left: bool | None = await self._inner.__aexit__(*how)
        return left


def _is_call(item: Any) -> bool:
    message = getattr(item, "message", None)
    return isinstance(message, JSONRPCRequest) and message.method == "tools/call"


def _is_of_tool(message: JSONRPCError) -> bool:
    error = message.error
    if error.code == REQUEST_TIMEOUT:
        return True
    is_marked = error.data in (UNREACHABLE, SESSION_OVER)
    is_of_connection = is_marked or error.message.startswith(_BROKEN_STREAM)
    return error.code == CONNECTION_CLOSED and not is_of_connection


def _greeting(result: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to `initialize` as the library takes it; what is missing is made up."""
    try:
        validate_server_result("initialize", _STRICTEST, result)
    except ValidationError:
        server, able = result.get("serverInfo"), result.get("capabilities")
        named = server if isinstance(server, dict) else {}
        agreed = result.get("protocolVersion")
        return {
            "protocolVersion": agreed if isinstance(agreed, str) else _UNSAID_VERSION,
            "capabilities": {
                name: {} for name, has in able.items() if has not in (None, False)
            } if isinstance(able, dict) else {},
            "serverInfo": {key: str(named.get(key, "unknown")) for key in ("name", "version")},
        }  # fmt: skip
    return result


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _mended_tool(tool: object, warn: Callable[[str], None]) -> dict[str, Any] | None:
    """Return a tool that the library takes, None for one that cannot be called."""
    if not isinstance(tool, dict) or not isinstance(tool.get("name"), str) or not tool["name"]:
        warn(f"a tool without a name is left out: {json.dumps(tool)[:_LONGEST_QUOTE]}")
        return None
    # What a tool declares of its results is no reason to throw one away.
    plain = {key: value for key, value in tool.items() if key != "outputSchema"}
    if not (why := _why_unfit(plain)):
        return plain
    described = tool.get("description")
    least = {"name": tool["name"], "description": described if isinstance(described, str) else ""}
    schema = tool.get("inputSchema")
    if isinstance(schema, dict) and schema.get("type") is None:
        typed = {**least, "inputSchema": {**schema, "type": "object"}}
        if not _why_unfit(typed):
            warn(
                f"tool {tool['name']}: its inputSchema is not a schema of an object; treated as one"
            )
            return typed
    if not _why_unfit(fitting := {**least, "inputSchema": schema}):
        warn(f"tool {tool['name']}: {why}; only its name, description and inputSchema are used")
        return fitting
    warn(f"tool {tool['name']}: {why}; its arguments are not checked")
    return {**least, "inputSchema": _OPEN}


def _why_unfit(tool: dict[str, Any]) -> str:
    """Return what would be refused in a tool, by the library or here; nothing for a good one."""
    if _levels(tool.get("inputSchema")) > _DEEPEST:
        return f"inputSchema: it is nested in more than {_DEEPEST} levels"
    try:
        validate_server_result("tools/list", _STRICTEST, {"tools": [tool]})
        Tool.model_validate(tool, by_name=False)
    except ValidationError as odd:
        first = odd.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"] if part not in ("tools", 0))
        return f"{place}: {first['msg']}"
    return ""


def _levels(value: object) -> int:
    """Return how deep a value is nested; stops counting soon after what is too deep."""
    count, level = 0, [value]
    while level and count <= _DEEPEST:
        inner = [
            one.values() if isinstance(one, dict) else one
            for one in level
            if isinstance(one, dict | list)
        ]
        count, level = count + 1, [value for values in inner for value in values]
    return count


def _is_result(result: dict[str, Any]) -> bool:
    """Return whether it is the end of a call, and not a question of the server."""
    return bool(result.get("resultType", "complete") == "complete")


def _call_result(result: dict[str, Any], *, is_modern: bool) -> dict[str, Any]:
    content, structured = result.get("content"), result.get("structuredContent")
    if content is None and structured is None:
        # Such as the `toolResult` of the first revision.
        others = {key: value for key, value in result.items() if key not in _BESIDE_CONTENT}
        content = [json.dumps(others, ensure_ascii=False)] if others else None
    parts = content if isinstance(content, list) else [] if content is None else [content]
    if structured is not None and not isinstance(structured, dict) and not is_modern:
        structured = {"result": structured}
    meta = result.get("_meta")
    mended = {
        **result,
        "content": [_part(part) for part in parts],
        "isError": result.get("isError") in (True, "true"),
        "structuredContent": structured,
        "_meta": meta if isinstance(meta, dict) else None,
    }
    return {key: value for key, value in mended.items() if value is not None}


def _part(part: object) -> dict[str, Any]:
    """Return a part that the library takes; one that it does not know becomes text."""
    if isinstance(part, dict):
        try:
            validate_server_result("tools/call", _STRICTEST, {"content": [part]})
        except ValidationError:
            kind = _UNTYPED.get(str(part.get("type")))
            if kind and isinstance(part.get("data"), str):
                return {"type": part["type"], "data": part["data"], "mimeType": kind}
            text = part.get("text")
            inner = part.get("resource")
            if text is None and isinstance(inner, dict):
                text = inner.get("text")
            if not isinstance(text, str):
                text = json.dumps(part, ensure_ascii=False)
            return {"type": "text", "text": text}
        return part
    return {"type": "text", "text": part if isinstance(part, str) else json.dumps(part)}
