"""The runs that a restart left behind, until they are picked up, and in which order.

Tenants take turns, the oldest run of each first; a run that somebody asks about comes before all
others. The runs that have been picked up and are still in memory are counted and limited, so that
there is room for new runs. Each tenant has its share of that limit.
"""

from collections import deque
from collections.abc import Iterable

from app.concurrency.fair_share import FairShare
from app.execution.live.live_runs import LiveRuns
from journal import LeftBehind, run_id, run_number

_LONGEST = 40
"""A longer history counts as this many events, when runs are read together."""

_EVENTS = 1_000
"""How many events a part has in total."""


class Backlog:
    """Hands out runs in parts."""

    def __init__(self, live_runs: LiveRuns, most: int) -> None:
        self._live_runs = live_runs
        self._shares = FairShare(most)
        self._held: dict[str, str] = {}
        self._lines: dict[str, dict[int, int]] = {}
        self._urgent: deque[tuple[str, int, int]] = deque()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def is_in_memory(self, run_id: str) -> bool:
        """Return whether a run is in memory."""
        return self._live_runs.peek(run_id) is not None

    def add(self, runs: Iterable[LeftBehind]) -> None:
        """Put runs at the end of their tenants' lines, each once."""
        for run in runs:
            line = self._lines.setdefault(run.tenant, {})
            self._count += run.number not in line
            line[run.number] = run.seq

    def urge(self, tenant: str, asked: str) -> None:
        """Make a run come next, if it has not been picked up."""
        if line := self._lines.get(tenant):
            number = run_number(asked)
            seq = line.pop(number, None)
            if seq is not None:
                self._urgent.append((tenant, number, seq))
            if not line:
                del self._lines[tenant]

    def part(self, limit: int) -> list[str]:
        """Return the next runs, at most `limit`; none if there is no room for more."""
        found: list[str] = []
        events, has_looked = 0, False
        while len(found) < limit and events < _EVENTS:
            chosen = self._next()
            if chosen is None and not found and not has_looked:
                has_looked = True
                self._forget_what_has_left()  # looks at every run handed out, so not often
                chosen = self._next()
            if chosen is None:
                break
            tenant, number, seq = chosen
            events += min(seq, _LONGEST)
            found.append(run_id(number))
            self._held[found[-1]] = tenant
            self._shares.take(tenant)
            self._count -= 1
        return found

    def _next(self) -> tuple[str, int, int] | None:
        """Take a run that somebody asks about, else the first of the next tenant that has room."""
        if self._urgent:
            return self._urgent.popleft()
        for tenant, line in self._lines.items():
            if not self._shares.may_take(tenant):
                continue
            del self._lines[tenant]
            number = next(iter(line))
            seq = line.pop(number)
            if line:
                self._lines[tenant] = line  # to the end of the round
            return tenant, number, seq
        return None

    def _forget_what_has_left(self) -> None:
        for one in [one for one in self._held if self._live_runs.peek(one) is None]:
            self._shares.give(self._held.pop(one))
