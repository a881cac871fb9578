"""A request's body that has arrived whole, taken without a wait or a timer."""

from typing import Protocol

from starlette.types import Scope

CONNECTION = "stepwell.connection"
"""Where a request's scope holds its connection, when our own server took it."""


class BodySource(Protocol):
    """What a request's body comes from."""

    def take_body(self) -> bytes | None:
        """Return the body of the request being served if all of it is here; once."""
        ...


def take_arrived_body(scope: Scope) -> bytes | None:
    """Return the body if all of it is here, and None where it must be read as ASGI has it."""
    source: BodySource | None = scope.get(CONNECTION)
    return source.take_body() if source is not None else None
