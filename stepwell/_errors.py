"""What can go wrong, by who may know more: the server, the way to it, or the run."""

from collections.abc import Mapping, Sequence

from stepwell._documents import JsonObject, RunStatus


class StepwellError(Exception):
    """Everything that the client raises."""


class NoCredentials(StepwellError):
    """Neither an API key nor a token was given, nor stands in the environment."""


class NotPaused(StepwellError):
    """The run waits for no action of a person."""


class Unanswered(StepwellError):
    """The server was not reached or broke off; whether it did what was asked is unknown."""


class WaitTimeout(StepwellError, TimeoutError):
    """The run had neither ended nor paused when the time was over; it goes on."""


class ApiError(StepwellError):
    """The server refused.

    Args:
        status: The status of the answer.
        document: The JSON of the answer.

    Attributes:
        status: The status of the answer, such as 409.
        error: The API's word for it, such as `Conflict`.
        message: What is wrong.
        details: Each problem with `path` and `message`.
        request_id: What the server's log has more under.
    """

    def __init__(self, status: int, document: JsonObject) -> None:
        self.status = status
        self.error = str(document.get("error", ""))
        self.message = str(document.get("message", ""))
        details = document.get("details")
        self.details: Sequence[Mapping[str, str]] = details if isinstance(details, list) else []
        self.request_id: str | None = document.get("requestId")
        super().__init__(f"{status} {self.error}: {self.message}")


class RunFailed(StepwellError):
    """The run has ended without completing.

    Attributes:
        status: How it stands.
    """

    def __init__(self, status: RunStatus) -> None:
        self.status = status
        told = f": {status.error.message}" if status.error else ""
        told = told or (f": {status.reason}" if status.reason else "")
        super().__init__(f"run {status.run_id} is {status.status}{told}")


class RunCancelled(RunFailed):
    """Somebody has cancelled the run."""


class RunTerminated(RunFailed):
    """Somebody has terminated the run."""
