"""Takes a request's body that has arrived completely, without a wait or a timer."""

from typing import Protocol

from starlette.types import Scope

CONNECTION = "stepwell.connection"
"""Where a request's scope holds its connection, when our own server took it."""


class BodySource(Protocol):
    """The source of a request's body."""

    def take_body(self) -> bytes | None:
        """Return the body of the current request if it has arrived completely; once only."""
        ...


def take_arrived_body(scope: Scope) -> bytes | None:
    """Return the body if it has arrived completely, or None if it must be read through ASGI."""
    source: BodySource | None = scope.get(CONNECTION)
    return source.take_body() if source is not None else None
