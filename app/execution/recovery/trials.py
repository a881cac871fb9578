"""Suspects one at a time: steps that the end of the process has cut off more than once.

Of many steps that were running when the process ended, one may be why. Each suspect is run
again while no other is on trial; ends the process meanwhile, that is held against this one
alone. A trial is over when its attempt is, and after some time; but not the trial of a suspect
that will not be run again after one more end, so that what takes the process down late is found
too. Those wait for all others.
"""

import asyncio

from app.execution.driving.culprit import Culprit
from app.execution.driving.driving import Driving

_TRIAL_S = 5.0


class Trials:
    """Who is on trial, and who comes next."""

    def __init__(self, driving: Driving, culprit: Culprit) -> None:
        self._driving = driving
        self._culprit = culprit
        self._waiting: list[str] = []
        self._on_trial: str | None = None
        self._until_s = 0.0

    def begin(self) -> None:
        """Learn why the last process ended, before anything that it left is carried on."""
        self._culprit.read()

    def wait_for_one(self, suspects: list[str]) -> None:
        """Put the suspects on trial later, in this order."""
        self._waiting = [*suspects[::-1], *self._waiting]

    def next(self) -> str | None:
        """Return the run whose trial begins now, None while another is on trial or none waits."""
        if self._on_trial is not None:
            if self._goes_on(self._on_trial):
                return None
            self._on_trial = None
            self._culprit.forget()
        if not self._waiting:
            return None
        self._on_trial = self._waiting.pop()
        self._until_s = asyncio.get_running_loop().time() + _TRIAL_S
        self._culprit.hold_against(self._on_trial)
        return self._on_trial

    def _goes_on(self, run_id: str) -> bool:
        count = self._driving.interruptions_of(run_id)
        is_last = count + 1 >= self._culprit.most
        return count > 0 and (is_last or asyncio.get_running_loop().time() < self._until_s)
