"""Which part of a long history an answer shows: a page of visits, the newest by default.

Visits are counted from the first, those that earlier runs did included, and never change their
number. So the number of a page's first visit is where the page before it ends.
"""

from engine.value import value

MOST_VISITS = 1_000
"""How many visits an answer shows at most."""


@value(frozen=True, slots=True)
class HistoryPage:
    """A part of a history.

    Attributes:
        limit: How many visits at most; None for all.
        before: Only visits before this one, counted from 0.
    """

    limit: int | None = MOST_VISITS
    before: int | None = None

    def of(self, visits: int) -> range:
        """Return which of so many visits are shown, oldest first."""
        end = visits if self.before is None else min(self.before, visits)
        return range(0 if self.limit is None else max(0, end - self.limit), end)


WHOLE_HISTORY = HistoryPage(limit=None)
