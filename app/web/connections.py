"""What a request may ask of its connection; where the server is not ours, what ASGI offers."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from starlette.requests import Request
from starlette.types import Receive, Scope

from app.wire.arrived_body import CONNECTION


class Connection(Protocol):
    """The connection of a request."""

    waiting: set[asyncio.Future[Any]]
    """What is cancelled when its client goes away."""

    @property
    def is_closing(self) -> bool:
        """True when it is closed, or about to be."""
        ...

    def belongs(self, tenant: str) -> None:
        """Note that the request being served is one of a known caller."""
        ...

    def abort(self) -> None:
        """Drop it at once, with all that was not sent."""
        ...


def abort_of(scope: Scope) -> Callable[[], None]:
    """Return what drops the connection of a request at once, with all that was not sent.

    Under another server it ends the task that answers, which is all that ASGI has.
    """
    connection: Connection | None = scope.get(CONNECTION)
    if connection is not None:
        return connection.abort
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a request is answered by a task

    def end() -> None:
        task.cancel()

    return end


def leave_with_client(request: Request, answer: asyncio.Future[Any]) -> None:
    """Cancel what a request waits for when its client goes away; its body has been read."""
    connection: Connection | None = request.scope.get(CONNECTION)
    if connection is None:
        watching = asyncio.ensure_future(_gone(request.receive))
        watching.add_done_callback(lambda _: answer.cancel())
        answer.add_done_callback(lambda _: watching.cancel())
    elif connection.is_closing:
        answer.cancel()
    else:
        connection.waiting.add(answer)
        answer.add_done_callback(connection.waiting.discard)


def caller_is_known(scope: Scope, tenant: str) -> None:
    """Note whose a request is: its connection is not the first to go, the next one of its turn."""
    connection: Connection | None = scope.get(CONNECTION)
    if connection is not None:
        connection.belongs(tenant)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
