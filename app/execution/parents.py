"""A parent looks again when a child run has ended, paused or gone on."""

from collections.abc import Sequence

from app.execution.driving import Driving
from app.execution.live_run import LiveRun
from engine import ChildrenResumed, Event, RunPaused, RunResumed

_TELL = (RunPaused, RunResumed, ChildrenResumed)
"""Events after which a parent looks at its child run again, beside the child's end."""


class Parents:
    """Tells parents of their child runs."""

    def __init__(self, driving: Driving) -> None:
        self._driving = driving

    def appended(self, live: LiveRun, events: Sequence[Event]) -> None:
        """Tell the run's parent, if it has one that would want to know."""
        parent = live.run.parent
        if parent and (live.run.is_over or any(isinstance(event, _TELL) for event in events)):
            self._driving.notify(parent.run_id)
