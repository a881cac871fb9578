"""Backoff as a pure function of policy, attempt and jitter."""

from dataclasses import dataclass

from engine.values import StepError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed attempt is followed by another.

    Attributes:
        max_attempts: Attempts in all, the first one included.
        initial_ms: The wait after the first failure, in milliseconds.
        coefficient: What each further wait is multiplied by.
        maximum_ms: The longest wait, in milliseconds.
        non_retryable: Error types after which no attempt follows.
    """

    max_attempts: int = 1
    initial_ms: int = 1_000
    coefficient: float = 2.0
    maximum_ms: int = 60_000
    non_retryable: frozenset[str] = frozenset()

    def allows(self, error: StepError, attempt: int) -> bool:
        """Say whether attempt number `attempt`, failed with `error`, is tried again."""
        return (
            error.retryable and attempt < self.max_attempts and error.type not in self.non_retryable
        )

    def delay_ms(self, attempt: int, jitter: float) -> int:
        """Return the wait after attempt `attempt` (1, 2, ...), in milliseconds.

        `jitter` in [0, 1) spreads the wait over the upper half of the interval ("equal
        jitter", AWS Architecture Blog, Exponential Backoff And Jitter).
        """
        try:
            full = self.initial_ms * self.coefficient ** (attempt - 1)
        except OverflowError:
            full = self.maximum_ms
        full = min(full, self.maximum_ms)
        return round(full / 2 + full / 2 * jitter)
