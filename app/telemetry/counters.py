"""What this server counts while it runs, for `/metrics`."""

from collections import Counter
from collections.abc import Mapping

from engine import AwaitsChildren, Broke, Delivered, Input, Pauses, Sleeps
from journal import Histogram

_ATTEMPT_OUTCOMES: Mapping[type[Input], str] = {
    Delivered: "completed",
    Broke: "failed",
    Pauses: "paused",
    Sleeps: "slept",
    AwaitsChildren: "awaited",
}
_LAG_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Counters:
    """Counts since the server started.

    Attributes:
        requests: Answers by (method, status).
        in_flight: Requests being answered now.
        refused: Refused requests by reason: `key`, `tenant`, `runs`, `bytes`, `writes`.
        attempts: Attempts of steps by (step type, outcome).
        lag: How late the event loop ran what was due, in seconds.
    """

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.in_flight = 0
        self.refused: Counter[str] = Counter()
        self.attempts: Counter[tuple[str, str]] = Counter()
        self.lag = Histogram(_LAG_S)

    def attempt(self, step_type: str, outcome: Input) -> None:
        """Count an attempt of a step."""
        self.attempts[step_type, _ATTEMPT_OUTCOMES.get(type(outcome), "other")] += 1
