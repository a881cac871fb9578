"""Limits how much work all expressions of one step may do together.

Work is counted, not timed: a unit is about one value, or some tens of characters. The code that
executes a step opens one allowance for it; an expression that is evaluated outside of one gets its
own.
"""

import asyncio
from contextvars import ContextVar
from typing import Self

STEP = 1_000_000
"""Units of work for all expressions of one attempt of a step, or of the edges out of it."""

CHARACTERS_A_UNIT = 20
_A_TURN = 15_000
"""Units after which the event loop gets a turn: about ten milliseconds."""


class TooMuchWork(ValueError):
    """The expressions of a step have used up their allowance."""

    def __init__(self) -> None:
        super().__init__(
            "it takes too many operations: the expressions of one step may look at "
            f"{STEP:,} values together; do part of it in a step of its own"
        )


class Allowance:
    """The remaining allowance of a step; all expressions evaluated inside `with` share it.

    Attributes:
        spent: Units of work that have been done.
        owes_turn: Whether enough work has been done that other tasks should get a turn.
    """

    # Set on the class, because most attempts count nothing.
    spent = 0
    owes_turn = False
    _since_turn = 0
    _before: "Allowance | None" = None
    _most = STEP

    @classmethod
    def of(cls, most: int) -> Self:
        """Return an allowance of another size."""
        allowance = cls()
        allowance._most = most
        return allowance

    def __enter__(self) -> Self:
        self._before = open_allowance.get()
        open_allowance.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        open_allowance.set(self._before)

    def spend(self, units: int) -> None:
        """Count work. Raises `TooMuchWork` if the allowance is used up."""
        self.spent += units
        self._since_turn += units
        self.owes_turn = self._since_turn > _A_TURN
        if self.spent > self._most:
            raise TooMuchWork

    async def take_turns(self) -> None:
        """Let other tasks run if much work has been done since the last time."""
        if self.owes_turn:
            self._since_turn, self.owes_turn = 0, False
            await asyncio.sleep(0)


open_allowance: ContextVar[Allowance | None] = ContextVar("allowance", default=None)
"""The allowance of the current context."""


def allowance_here() -> Allowance:
    """Return the allowance that is open, or a new one if none is."""
    return open_allowance.get() or Allowance()


def units_of_text(text: str) -> int:
    """Return the cost of reading a text."""
    return 1 + len(text) // CHARACTERS_A_UNIT
