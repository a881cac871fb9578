"""How much work the expressions of one step may do together.

Work is counted, not timed: a unit is about one value that is looked at, or some tens of characters.
Whoever executes a step opens one allowance for it; an expression that is evaluated outside of one
has an allowance of its own.
"""

import asyncio
from contextvars import ContextVar
from typing import Self

STEP = 1_000_000
"""Units of work for all expressions of one attempt of a step, or of the edges out of it."""

CHARACTERS_A_UNIT = 20
_A_TURN = 15_000
"""Units after which others are let on: some ten milliseconds."""


class TooMuchWork(ValueError):
    """The expressions of a step have used up what they may do together."""

    def __init__(self) -> None:
        super().__init__(
            "it takes too many operations: the expressions of one step may look at "
            f"{STEP:,} values together; do part of it in a step of its own"
        )


class Allowance:
    """What is left for a step; all expressions that are evaluated inside `with` share it.

    Attributes:
        spent: Units of work that have been done.
        owes_turn: Whether so much has been done that others are to be let on.
    """

    __slots__ = ("_before", "_most", "_since_turn", "owes_turn", "spent")

    def __init__(self, most: int = STEP) -> None:
        self.spent = 0
        self.owes_turn = False
        self._most = most
        self._since_turn = 0
        self._before: Allowance | None = None

    def __enter__(self) -> Self:
        self._before = open_allowance.get()
        open_allowance.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        open_allowance.set(self._before)

    def spend(self, units: int) -> None:
        """Count work. Raises `TooMuchWork` where nothing is left for it."""
        self.spent += units
        self._since_turn += units
        self.owes_turn = self._since_turn > _A_TURN
        if self.spent > self._most:
            raise TooMuchWork

    async def take_turns(self) -> None:
        """Let others on, where much has been done since the last time."""
        if self.owes_turn:
            self._since_turn, self.owes_turn = 0, False
            await asyncio.sleep(0)


open_allowance: ContextVar[Allowance | None] = ContextVar("allowance", default=None)
"""The allowance of all that is done in a context."""


def allowance_here() -> Allowance:
    """Return the allowance that is open, or a new one where there is none."""
    return open_allowance.get() or Allowance()


def units_of_text(text: str) -> int:
    """Return what looking at a text costs."""
    return 1 + len(text) // CHARACTERS_A_UNIT
