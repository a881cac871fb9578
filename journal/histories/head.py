"""The end of a history: where the next append continues it."""

from collections.abc import Callable
from dataclasses import field
from typing import TypeAlias

from engine import Json
from engine.value import value
from journal.rows.run_projection import Turn

Then: TypeAlias = "Callable[[Head | BaseException], None]"
"""Receives the end of a history after an append, or why that is unknown."""


@value(frozen=True, slots=True)
class Head:
    """The end of a history, which the next append continues.

    Attributes:
        characters: How long its events are together.
        turn: The indexed columns of the run's row; None if it has no row yet.
        visits: How many ended visits are before the newest snapshot; 0 if that is not known.
        summary: The summary of these visits.
    """

    run_id: str
    tenant: str
    seq: int
    hash: bytes
    characters: int = field(default=0, compare=False)
    turn: Turn | None = field(default=None, compare=False)
    visits: int = field(default=0, compare=False)
    summary: Json = field(default=None, compare=False)
