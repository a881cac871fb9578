"""Errors of a request that are found before its purpose is examined."""

from collections.abc import Sequence

from steps.contract.step_type import Problem, first_of


class BadRequest(Exception):
    """The request is malformed."""

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        self.problems = tuple(first_of(problems))
        super().__init__(message)


class PayloadTooLarge(Exception):
    """A body or a file is larger than allowed."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"{what} may have {limit} bytes at most")


class UnsupportedMediaType(Exception):
    """The media type of the body is not accepted here."""


class BodyTimeout(Exception):
    """The body did not arrive in time."""


class ServerStops(Exception):
    """The server stops, and has waited as long as it may for the request."""

    def __init__(self) -> None:
        super().__init__("the server is stopping; it is unknown whether a change was stored")


class NotFoundHere(Exception):
    """There is nothing at this address."""


class ToolNotFound(Exception):
    """There is no tool of that name."""


class NotAllowedHere(Exception):
    """The address exists, but does not accept this method."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self.allowed = ", ".join(allowed)
        super().__init__(f"this address takes {self.allowed}")


class StartedAndDeleted(Exception):
    """An idempotency key was reused, and the run that it started has been deleted."""

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"this Idempotency-Key has started run {run_id}, which has been deleted; "
            "use a new key to start another run"
        )


class IdempotencyMismatch(Exception):
    """An idempotency key was reused with a different request."""

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"this Idempotency-Key has started run {run_id} with another request; "
            "use a new key for a new request"
        )
