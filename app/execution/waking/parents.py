"""Makes a parent run look again when a child run has ended, paused or resumed."""

from collections.abc import Sequence

from app.execution.driving.driving import Driving
from app.execution.live.live_run import LiveRun
from engine import (
    ENDS,
    ChildrenResumed,
    Event,
    ParentWentOn,
    PauseChanged,
    RunPaused,
    RunResumed,
)

TELLS_PARENT = ENDS | {RunPaused, PauseChanged, RunResumed, ChildrenResumed, ParentWentOn}
"""Events after which a parent looks at its child run again."""


class Parents:
    """Notifies parents of their child runs."""

    def __init__(self, driving: Driving) -> None:
        self._driving = driving

    def appended(self, live: LiveRun, events: Sequence[Event]) -> None:
        """Notify the run's parent, if it has one that waits for it.

        If the run waits for a signal that may be stored already, `waits` notifies the parent
        instead.
        """
        run = live.run
        if run.parent is None:
            return
        if run.is_detached and not any(isinstance(event, ParentWentOn) for event in events):
            return
        if run.awaited_signal is None or run.is_detached:
            self._driving.notify(run.parent.run_id)

    def waits(self, live: LiveRun) -> None:
        """Notify the parent of a run that waits for a signal that has not been sent yet."""
        if live.run.parent:
            self._driving.notify(live.run.parent.run_id)
