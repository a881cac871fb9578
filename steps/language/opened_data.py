"""Conditions of edges over sensitive fields: what opens the data that they read."""

from collections.abc import Callable
from contextvars import ContextVar

from engine import JsonObject

_open: ContextVar[Callable[[JsonObject], JsonObject] | None] = ContextVar("open", default=None)


class opened_by:  # noqa: N801 - read as a verb: with opened_by(opens)
    """Have the conditions that are evaluated inside read what is sealed in a run's data."""

    __slots__ = ("_opens", "_token")

    def __init__(self, opens: Callable[[JsonObject], JsonObject]) -> None:
        self._opens = opens

    def __enter__(self) -> None:
        self._token = _open.set(self._opens)

    def __exit__(self, *_: object) -> None:
        _open.reset(self._token)


def opens_here() -> Callable[[JsonObject], JsonObject] | None:
    """Return what opens a run's data here; None where nothing of it is sealed."""
    return _open.get()
