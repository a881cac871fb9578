"""A real MCP server, made with the official library: `python mcp_server.py [PORT]`.

Without a port it uses standard input and output. MCP_CALLS names a file that gets a line for
each call of `count`; MCP_OLD=1 makes an HTTP server with sessions but without
`server/discover`; MCP_TOKEN is a bearer token that every request must carry.
"""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio
import uvicorn
from mcp.server.mcpserver import Context, Elicit, ElicitationResult, MCPServer, Resolve
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import (
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)
from pydantic import BaseModel, Field
from starlette.types import ASGIApp, Receive, Scope, Send

PNG = bytes.fromhex("89504e470d0a1a0a")

server = MCPServer("testing", log_level="WARNING")


@server.tool()
def add(a: int, b: int = 1) -> dict[str, int]:
    """Add two numbers."""
    return {"sum": a + b}


@server.tool()
async def stall(seconds: float) -> None:
    """Do nothing at all meanwhile, not even read."""
    time.sleep(seconds)  # noqa: ASYNC251 - blocks on purpose


@server.tool(structured_output=False)
def greet(name: str) -> str:
    """Return a text."""
    return f"hello {name}"


@server.tool(structured_output=False)
def long(length: int) -> str:
    """Return a long text."""
    return "x" * length


@server.tool()
def fail(why: str) -> str:
    """Fail."""
    raise ToolError(why)


@server.tool()
async def sleep(seconds: float) -> str:
    """Sleep."""
    await anyio.sleep(seconds)
    return "slept"


@server.tool()
def count(context: Context[Any]) -> int:
    """Count the calls, also those of other processes."""
    meta: Any = context.request_context.meta or {}
    file = Path(os.environ["MCP_CALLS"])
    with file.open("a") as calls:
        calls.write(f"{meta.get('stepwell/idempotencyKey', '')}\n")
    return len(file.read_text().splitlines())


@server.tool()
def environment(name: str) -> str:
    """Return an environment variable."""
    return os.environ.get(name, "")


@server.tool()
def die() -> None:
    """Kill this process."""
    os.kill(os.getpid(), signal.SIGKILL)


@server.tool()
def pid() -> int:
    """Return the process id."""
    return os.getpid()


@server.tool()
def complain(line: str) -> None:
    """Write to standard error."""
    print(line, file=sys.stderr, flush=True)


@server.tool()
async def grow(context: Context[Any]) -> str:
    """Offer one more tool."""

    def more(text: str) -> str:
        """Repeat."""
        return text * 2

    server.add_tool(more)
    await context.notify_tools_changed()
    await context.session.send_tool_list_changed()
    return "grown"


class Booking(BaseModel):
    """What is asked of a person."""

    seats: int = Field(ge=1, le=9, description="how many")
    row: Literal["front", "back"] = "front"


async def seats(show: str) -> Elicit[Booking]:
    """Ask a person."""
    return Elicit(f"How many seats for {show}?", Booking)


@server.tool()
def book(show: str, asked: Annotated[ElicitationResult[Booking], Resolve(seats)]) -> str:
    """Book seats, which a person says how many."""
    if asked.action != "accept":
        return f"nothing for {show}: {asked.action}"
    if booked := os.environ.get("MCP_BOOKED"):
        with Path(booked).open("a") as file:
            file.write(f"book {show}\n")
    return f"{asked.data.seats} in the {asked.data.row} for {show}"


def note(line: str) -> None:
    """Append a line to the file of actions."""
    with Path(os.environ["MCP_DONE"]).open("a") as file:
        file.write(f"{line}\n")


@server.tool()
def order(thing: str, context: Context[Any]) -> "str | InputRequiredResult":
    """Reserve a thing, ask, and pay: it acts before it asks."""
    if context.request_state is None:
        note(f"reserve {thing}")
        schema = {"type": "object", "properties": {"sure": {"type": "boolean"}}, "required": ["sure"]}  # fmt: skip
        asked = ElicitRequestFormParams(message=f"Pay for {thing}?", requested_schema=schema)
        return InputRequiredResult(
            input_requests={"pay": ElicitRequest(params=asked)}, request_state=f"reserved {thing}"
        )
    answer = (context.input_responses or {})["pay"]
    assert isinstance(answer, ElicitResult)
    note(f"{answer.action} {context.request_state}")
    return f"{answer.action} {thing}"


@server.resource("notes://today", mime_type="text/plain")
def today() -> str:
    """Return what is to be done today."""
    return "water the plants"


@server.resource("notes://picture", mime_type="image/png")
def picture() -> bytes:
    """Return a picture."""
    return PNG


@server.resource("notes://of/{day}")
def of_day(day: str) -> str:
    """Return the notes of a day."""
    return f"nothing on {day}"


class Guarded:
    """Checks the token, and answers as servers did before `server/discover`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        token = os.environ.get("MCP_TOKEN")
        if token and headers.get(b"authorization") != f"Bearer {token}".encode():
            await self.refuse(send, 401)
        elif os.environ.get("MCP_OLD") and headers.get(b"mcp-method") == b"server/discover":
            await self.refuse(send, 400)
        else:
            await self.app(scope, receive, send)

    async def refuse(self, send: Send, status: int) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"no"})


if __name__ == "__main__":
    if len(sys.argv) > 1:
        app = Guarded(server.streamable_http_app())
        uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
    else:
        server.run("stdio")
