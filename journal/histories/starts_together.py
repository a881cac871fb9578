"""Starts of several runs as one write: all of them, or none."""

import asyncio
from dataclasses import dataclass

from journal.errors import Conflict
from journal.writing.transaction import Append
from journal.writing.writer import resolve


@dataclass(slots=True)
class StartsTogether(Append):
    """The first events of several runs, all or none."""

    first_run_id: str
    done: asyncio.Future[None]

    def conflict(self) -> Conflict:
        """Return the failure if one of the runs exists already."""
        return Conflict(self.first_run_id, 1)

    def settle(self, failure: BaseException | None, /) -> None:
        """Give the result to the caller."""
        resolve(self.done, failure)
