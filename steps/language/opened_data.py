"""Unseals the sensitive data that the conditions of edges read."""

from collections.abc import Callable
from contextvars import ContextVar

from engine import JsonObject

_open: ContextVar[Callable[[JsonObject], JsonObject] | None] = ContextVar("open", default=None)


class opened_by:  # noqa: N801 - read as a verb: with opened_by(opens)
    """Let the conditions that are evaluated inside read the sealed values in a run's data."""

    __slots__ = ("_opens", "_token")

    def __init__(self, opens: Callable[[JsonObject], JsonObject]) -> None:
        self._opens = opens

    def __enter__(self) -> None:
        self._token = _open.set(self._opens)

    def __exit__(self, *_: object) -> None:
        _open.reset(self._token)


def opens_here() -> Callable[[JsonObject], JsonObject] | None:
    """Return the function that unseals a run's data; None if nothing is sealed."""
    return _open.get()
