"""Fails steps whose child runs keep ending the process.

Each child run fails by itself after some ends of the process (`trials.py`). For a step with a
thousand items that would be thousands of restarts, so the ends for which child runs of one step are
blamed also count together, in the blame file (`culprit.py`).
"""

from contextlib import suppress

from app.definitions.versioned import DefinitionUnusable
from app.execution.commands.wake_ups import WakeUps
from app.execution.driving.culprit import Culprit, Family
from app.telemetry import log
from engine import StepError
from journal import UNREADABLE, Journal, UnknownRun


class DeadlyFamilies:
    """Fails steps for the ends of the process that their child runs have caused."""

    def __init__(self, journal: Journal, wake_ups: WakeUps, culprit: Culprit) -> None:
        self._journal = journal
        self._wake_ups = wake_ups
        self._culprit = culprit
        self._is_done = False

    async def look(self) -> None:
        """Count the end of the last process, and fail each step that has reached its limit.

        Does so once; further calls have no effect.

        Raises `JournalError`.
        """
        if self._is_done:
            return
        families = await self._above(self._culprit.run_id)
        self._is_done = True
        for (parent_id, execution), ends in self._culprit.blame_steps_above(families):
            message = (
                f"the process has ended {ends} times while one of the step's child runs was "
                "blamed, so no more of them are run"
            )
            error = StepError("Interrupted", message, retryable=False)
            log.children_end_the_process(parent_id, ends)
            with suppress(UnknownRun, DefinitionUnusable, *UNREADABLE):
                await self._wake_ups.give_up_children(parent_id, execution, error)

    async def _above(self, run_id: str) -> list[Family]:
        """Return the steps that wait for a run, directly or through others, the nearest first."""
        found = list[Family]()
        with suppress(UnknownRun, *UNREADABLE):
            while run_id:
                _, run = await self._journal.events.run(run_id)
                run_id = ""
                if run.parent is not None and not run.is_detached:
                    found.append((run.parent.run_id, run.parent.execution))
                    run_id = run.parent.run_id
        return found
