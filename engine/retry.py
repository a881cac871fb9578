"""Backoff as a pure function: the one formula, and the policy that uses it."""

from engine.value import value
from engine.values import StepError


def backoff_ms(
    attempt: int, jitter: float, *, initial_ms: int, maximum_ms: int, coefficient: float = 2.0
) -> int:
    """Return the wait after attempt `attempt` (1, 2, ...), in milliseconds.

    It starts at `initial_ms`, is multiplied by `coefficient` after each attempt, and never exceeds
    `maximum_ms`. `jitter` in [0, 1] spreads it over the upper half of the interval ("equal jitter",
    AWS Architecture Blog, Exponential Backoff And Jitter); 1 gives the whole interval.
    """
    try:
        full = initial_ms * coefficient ** (attempt - 1)
    except OverflowError:
        full = maximum_ms
    full = min(full, maximum_ms)
    return round(full / 2 + full / 2 * jitter)


def fits(error: StepError, named: str) -> bool:
    """Return whether an error matches an entry of `RetryPolicy.on`."""
    kind, colon, status = named.partition(":")
    if not colon and named[:1].isdigit():
        kind, status = "", named
    if kind not in ("", error.type):
        return False
    actual = str(error.status or "")
    return not status or actual == status or (status.endswith("xx") and actual[:1] == status[0])


@value(frozen=True, slots=True)
class RetryPolicy:
    """When a failed attempt is followed by another.

    Attributes:
        max_attempts: The total number of attempts, including the first.
        initial_ms: The wait after the first failure, in milliseconds.
        coefficient: The factor for each further wait.
        maximum_ms: The longest wait, in milliseconds; it also limits a wait that the other side
            asked for.
        non_retryable: Error types after which no attempt follows.
        on: The errors that are retried, even if they are not marked retryable: error types
            (`Timeout`), statuses (`429`, `5xx`), or both (`HttpStatus:5xx`). Empty: every error
            that is marked retryable.
        others: Policies for errors that this one does not cover, in order; each counts its own
            attempts.
    """

    max_attempts: int = 1
    initial_ms: int = 1_000
    coefficient: float = 2.0
    maximum_ms: int = 60_000
    non_retryable: frozenset[str] = frozenset()
    on: tuple[str, ...] = ()
    others: "tuple[RetryPolicy, ...]" = ()

    def allows(self, error: StepError, attempt: int) -> bool:
        """Return whether this policy retries attempt number `attempt` after `error`."""
        return attempt < self.max_attempts and self.is_for(error)

    def number_for(self, error: StepError) -> int | None:
        """Return the policy for an error: 0 is this one, 1 the first of `others`; None: none."""
        each = enumerate((self, *self.others))
        return next((number for number, policy in each if policy.is_for(error)), None)

    def rules_out(self, error: StepError) -> bool:
        """Return whether another attempt cannot help, or every policy names it as not retried."""
        return not error.retryable or all(
            error.type in policy.non_retryable for policy in (self, *self.others)
        )

    def is_for(self, error: StepError) -> bool:
        """Return whether this policy covers an error, regardless of the number of attempts."""
        if error.type in self.non_retryable:
            return False
        return any(fits(error, named) for named in self.on) if self.on else error.retryable

    def numbered(self, number: int) -> "RetryPolicy":
        """Return the policy for a number that `number_for` returned."""
        return self.others[number - 1] if number else self

    @property
    def never_retries(self) -> bool:
        """Whether neither this policy nor any of `others` allows a second attempt."""
        return all(policy.max_attempts == 1 for policy in (self, *self.others))

    def delay_ms(self, attempt: int, jitter: float, asked_ms: int | None = None) -> int:
        """Return the wait after attempt `attempt` (1, 2, ...), in milliseconds.

        It is at least the wait that the other side asked for, up to the policy's maximum; `jitter`
        is as in `backoff_ms`.
        """
        wait = backoff_ms(
            attempt,
            jitter,
            initial_ms=self.initial_ms,
            maximum_ms=self.maximum_ms,
            coefficient=self.coefficient,
        )
        return max(wait, min(asked_ms or 0, self.maximum_ms))
