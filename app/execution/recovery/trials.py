"""Runs suspects one at a time: steps that the end of the process has cut off more than once.

If many steps were running when the process ended, one of them may be the cause. Each suspect is run
again while no other is on trial; if the process ends meanwhile, only that suspect is blamed. A
trial ends with its attempt, or after some time. The time limit does not apply to a suspect that one
more end would finish, so that a step that takes the process down late is found too; such suspects
are tried last.
"""

import asyncio

from app.execution.driving.culprit import Culprit
from app.execution.driving.driving import Driving
from app.execution.recovery.deadly_families import DeadlyFamilies

_TRIAL_S = 5.0


class Trials:
    """The run on trial, and those that wait for theirs."""

    def __init__(self, driving: Driving, culprit: Culprit, families: DeadlyFamilies) -> None:
        self._families = families
        self._driving = driving
        self._culprit = culprit
        self._waiting: list[str] = []
        self._on_trial: str | None = None
        self._until_s = 0.0

    def begin(self) -> None:
        """Read why the last process ended, before anything that it left is driven."""
        self._culprit.read()

    async def fail_families(self) -> None:
        """Fail steps whose child runs have ended the process too often. Raises `JournalError`."""
        await self._families.look()

    def wait_for_one(self, suspects: list[str]) -> None:
        """Put the suspects on trial later, in this order."""
        self._waiting = [*suspects[::-1], *self._waiting]

    def next(self) -> str | None:
        """Return the run whose trial begins now, None if another is on trial or none waits."""
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
