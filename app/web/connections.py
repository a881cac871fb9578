"""What a request can do with its connection; under other servers, only what ASGI offers."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from starlette.requests import Request
from starlette.types import Receive, Scope

from app.wire.parsing.arrived_body import CONNECTION


class Connection(Protocol):
    """The connection of a request."""

    waiting: set[asyncio.Future[Any]]
    """The work that is cancelled when its client disconnects."""

    @property
    def is_closing(self) -> bool:
        """True when the connection is closed or about to be."""
        ...

    def belongs(self, tenant: str) -> None:
        """Record that the current request comes from a known caller."""
        ...

    def answer(self, scope: Scope, status: int, lines: bytes, body: bytes) -> bool:
        """Send the whole answer to a request; return False if it must be sent by messages."""
        ...

    def abort(self) -> None:
        """Drop the connection at once, with everything not yet sent."""
        ...

    def break_off(self) -> None:
        """Close once everything sent is out; the client sees that the answer is not whole."""
        ...


def abort_of(scope: Scope) -> Callable[[], None]:
    """Return a function that drops a request's connection, with everything not yet sent.

    Under another server it cancels the task that answers, which is all that ASGI offers.
    """
    connection: Connection | None = scope.get(CONNECTION)
    if connection is not None:
        return connection.abort
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - every request is answered in a task

    def end() -> None:
        task.cancel()

    return end


def leave_with_client(
    request: Request, answer: asyncio.Future[Any]
) -> set[asyncio.Future[Any]] | None:
    """Cancel an answer when the client disconnects; the request's body must have been read.

    Returns the set from which to discard the answer once it is no longer waited for, if any.
    """
    connection: Connection | None = request.scope.get(CONNECTION)
    if connection is None:
        watching = asyncio.ensure_future(_gone(request.receive))
        watching.add_done_callback(lambda _: answer.cancel())
        answer.add_done_callback(lambda _: watching.cancel())
        return None
    if connection.is_closing:
        answer.cancel()
    connection.waiting.add(answer)
    return connection.waiting


def caller_is_known(scope: Scope, tenant: str) -> None:
    """Record the tenant of a request: its connection stays longer, its next request takes turns."""
    connection: Connection | None = scope.get(CONNECTION)
    if connection is not None:
        connection.belongs(tenant)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
