"""Waits until a run has ended or waits for a person."""

import time

import stepwell._calls as calls
from stepwell._documents import RunStatus
from stepwell._errors import (
    ApiError,
    RunCancelled,
    RunFailed,
    RunTerminated,
    Unanswered,
    WaitTimeout,
)
from stepwell._events import EventStream, Sign
from stepwell._flow import Flow, Sleep, ask
from stepwell._reading import run_status

_FIRST_POLL_S = 0.2
_LONGEST_POLL_S = 5.0
_FAILURES = {"failed": RunFailed, "cancelled": RunCancelled, "terminated": RunTerminated}


class Waiting:
    """One wait: the stream of events says when to ask, but only the status says how the run is.

    Without a stream, it asks at intervals that double.
    """

    def __init__(self, run_id: str, timeout_s: float | None, retry_for_s: float) -> None:
        self.stream = EventStream(lambda last_id: calls.events(run_id, {}, last_id), 0)
        self._run_id = run_id
        self._until = None if timeout_s is None else time.monotonic() + timeout_s
        self._retry_for_s = retry_for_s
        self._poll_s = _FIRST_POLL_S

    def flow(self) -> Flow[RunStatus]:
        """Return the status of a run that has completed or paused.

        Raises:
            RunFailed: It has failed, or was cancelled or terminated.
            WaitTimeout: It still runs.
            Unanswered: The server did not answer for too long, or until the wait timed out.
        """
        while True:
            retry_for_s = max(0.0, min(self._retry_for_s, self._left_s()))
            found = yield from ask(calls.status(self._run_id), retry_for_s)
            status = run_status(found)
            if status.status in _FAILURES:
                raise _FAILURES[status.status](status)
            if status.status != "running":
                return status
            yield from self._news()

    def _news(self) -> Flow[None]:
        """Return when the status may have changed."""
        while True:
            if self._left_s() <= 0:
                raise WaitTimeout(f"run {self._run_id} still runs")
            try:
                event = yield from self.stream.next(self._until)
            except (ApiError, Unanswered):
                event = None
            if event is None:
                yield Sleep(max(0.0, min(self._poll_s, self._left_s())))
                self._poll_s = min(self._poll_s * 2, _LONGEST_POLL_S)
                return
            if event is Sign.ALIVE or (event.status or "running") != "running":
                return

    def _left_s(self) -> float:
        return float("inf") if self._until is None else self._until - time.monotonic()
