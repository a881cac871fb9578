"""A parent looks again when a child run has ended, paused or gone on."""

from collections.abc import Sequence

from app.execution.driving import Driving
from app.execution.live_run import LiveRun
from engine import ENDS, ChildrenResumed, Event, PauseChanged, RunPaused, RunResumed

TELLS_PARENT = ENDS | {RunPaused, PauseChanged, RunResumed, ChildrenResumed}
"""Events after which a parent looks at its child run again."""


class Parents:
    """Tells parents of their child runs."""

    def __init__(self, driving: Driving) -> None:
        self._driving = driving

    def appended(self, live: LiveRun, _: Sequence[Event]) -> None:
        """Tell the run's parent, if it has one.

        Where the run waits for a signal that may be there already, `waits` tells it.
        """
        if live.run.parent and live.run.awaited_signal is None:
            self._driving.notify(live.run.parent.run_id)

    def waits(self, live: LiveRun) -> None:
        """Tell the parent of a run that waits for a signal that is not there yet."""
        if live.run.parent:
            self._driving.notify(live.run.parent.run_id)
