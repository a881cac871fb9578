"""Decides whether a new run is accepted; refuses early, before memory grows without limit.

Only starts are refused. Reads, answers, cancels, child runs and all running work continue,
so an overloaded server recovers by itself.
"""

from app.execution.live.live_runs import LiveRuns
from app.telemetry.counters import Counters
from journal import Journal

_RETRY_AFTER_S = 2


class Overloaded(Exception):
    """The server has reached its limit of work; nothing has been started.

    Attributes:
        retry_after_s: Whole seconds after which to ask again.
    """

    retry_after_s = _RETRY_AFTER_S

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; nothing was started, try again in {_RETRY_AFTER_S} seconds")


class HeldPlace:
    """A start's place among the runs in memory, as long as the block lasts."""

    __slots__ = ("_held", "_size", "_tenant")

    def __init__(self, held: LiveRuns, tenant: str, size: int) -> None:
        self._held, self._tenant, self._size = held, tenant, size

    def __enter__(self) -> None:
        self._held.runs.take(self._tenant)
        self._held.bytes.take(self._tenant, self._size)

    def __exit__(self, *_: object) -> None:
        self._held.runs.give(self._tenant)
        self._held.bytes.give(self._tenant, self._size)


class Admission:
    """Decides about each start before its body is read."""

    def __init__(
        self, held: LiveRuns, journal: Journal, most_writes: int, counters: Counters
    ) -> None:
        self._held = held
        self._journal = journal
        self._most_writes = most_writes
        self._counters = counters

    @property
    def in_memory(self) -> int:
        """How many runs are in memory, including the starts that are coming in."""
        return self._held.runs.total

    def starting(self, tenant: str, size: int) -> HeldPlace:
        """Hold a place for a start with a body of at most `size` bytes, in a `with` statement.

        Raises `Overloaded`.
        """
        self._check(tenant, size)
        return HeldPlace(self._held, tenant, size)

    def _check(self, tenant: str, size: int) -> None:
        if self._journal.counters.queued >= self._most_writes:
            self._refuse("writes", "the disk cannot keep up with the writing")
        if not self._held.runs.may_take(tenant):
            self._refuse("runs", "the limit of runs in memory is reached (max_runs_in_memory)")
        if not self._held.bytes.may_take(tenant, size):
            self._refuse("bytes", "the runs in memory have reached the limit of their data")

    def _refuse(self, why: str, what: str) -> None:
        self._counters.refused[why] += 1
        raise Overloaded(what)
