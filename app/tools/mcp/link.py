"""What a connection to an MCP server offers, said without the MCP library."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

from engine import Json, JsonObject
from engine.value import value
from steps.contract.step_type import StepBroke

Token: TypeAlias = Callable[[str | None], Awaitable[str]]
"""Returns the token that requests carry, another one than that which was refused."""


@value(frozen=True, slots=True)
class McpTool:
    """A tool as its server lists it, under the name that the server gives it."""

    name: str
    description: str
    input_schema: JsonObject


@value(frozen=True, slots=True)
class McpCall:
    """A call of a tool; `answers` are those of people to what it has asked before."""

    tool: str
    arguments: JsonObject
    idempotency_key: str
    answers: Sequence[JsonObject] = ()


@value(frozen=True, slots=True)
class ToolList:
    """The tools of a server, and what is wrong with them: each warning names its tool."""

    tools: Sequence[McpTool]
    warnings: Sequence[str] = ()


class NoTools(Exception):
    """The connection is up, but its server did not list its tools in time."""


class McpUnavailable(StepBroke):
    """A server is not there, or went away while it was asked; a later attempt may succeed."""

    def __init__(self, server: str, why: str) -> None:
        super().__init__("McpUnavailable", f"MCP server {server} is not available: {why}"[:2_000])


class SignInNeeded(StepBroke):
    """Nobody of the tenant is signed in at a server that wants a person."""

    def __init__(self, server: str, page: str) -> None:
        message = f"nobody is signed in at MCP server {server}: an admin does that at {page}"
        super().__init__("SignInNeeded", message, retryable=False)


class NotSent(McpUnavailable):
    """The server has not looked at the call, so it may be made by another connection.

    Nothing of it was sent, or the server did not know the session any more.
    """


class Link(Protocol):
    """One connection, from its start until it is lost."""

    async def tools(self) -> ToolList:
        """List the tools. Raises `NoTools`, or anything else when the connection is lost."""
        ...

    async def call(self, call: McpCall) -> Json:
        """Call a tool and return its result as JSON.

        Raises `StepBroke`, of them `NotSent`, and `ToolAsks` where a person has to answer first.
        """
        ...
