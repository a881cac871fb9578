"""Selects the part of a long history to show: a page of visits, by default the newest.

Visits are counted from the first, including those of earlier runs, and their numbers never change.
So the number of a page's first visit is where the page before it ends.
"""

from engine.value import value

MOST_VISITS = 1_000
"""How many visits an answer shows at most."""


@value(frozen=True, slots=True)
class HistoryPage:
    """A part of a history.

    Attributes:
        limit: The most visits; None for all.
        before: Only visits before this one, counted from 0.
    """

    limit: int | None = MOST_VISITS
    before: int | None = None

    def of(self, visits: int) -> range:
        """Return which visits are shown, out of the given number, oldest first."""
        end = visits if self.before is None else min(self.before, visits)
        return range(0 if self.limit is None else max(0, end - self.limit), end)


WHOLE_HISTORY = HistoryPage(limit=None)
