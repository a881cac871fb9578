"""The client's errors: from the server, from the connection, or from the run."""

from collections.abc import Mapping, Sequence

from stepwell._documents import JsonObject, RunStatus


class StepwellError(Exception):
    """The base class of all errors that the client raises."""


class NoCredentials(StepwellError):
    """No API key and no token was given that could be sent, and the environment has none."""


class WrongAddress(StepwellError):
    """The address of the server is not one that can be asked."""


class InvalidName(StepwellError, ValueError):
    """A name or an id that cannot stand in an address: it is empty, only dots, or has a slash."""


class NotPaused(StepwellError):
    """The run does not wait for an action of a person."""


class Unanswered(StepwellError):
    """The server was not reached, or the connection broke; the request may have had its effect."""


class WaitTimeout(StepwellError, TimeoutError):
    """The run had neither ended nor paused when the time was over; it continues."""


class ApiError(StepwellError):
    """The server refused the request.

    Args:
        status: The status of the answer.
        document: The JSON of the answer.

    Attributes:
        status: The status of the answer, such as 409.
        error: The API's name of the error, such as `Conflict`.
        message: What is wrong.
        details: Each problem with `path` and `message`.
        request_id: The id to look for in the server's log.
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
        status: The state of the run.
    """

    def __init__(self, status: RunStatus) -> None:
        self.status = status
        detail = f": {status.error.message}" if status.error else ""
        detail = detail or (f": {status.reason}" if status.reason else "")
        super().__init__(f"run {status.run_id} is {status.status}{detail}")


class RunCancelled(RunFailed):
    """The run was cancelled."""


class RunTerminated(RunFailed):
    """The run was terminated."""
