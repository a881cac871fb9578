"""Repairs of runs in progress: what somebody who is on duty does when a run stands still."""

from dataclasses import replace

from app.execution.answering.answers import was_given
from app.execution.answering.repair_lookups import RepairLookups
from app.execution.answering.repairs import Checked
from app.execution.commands.fenced import Fenced
from app.execution.driving.driving import Driving
from app.execution.live.appends import Appends
from app.execution.live.live_run import LiveRun
from engine import AnswerKey, Run

_NO_KEY = AnswerKey()


class RepairCommands:
    """Changes how runs continue."""

    def __init__(
        self, appends: Appends, driving: Driving, lookups: RepairLookups, fenced: Fenced
    ) -> None:
        self._appends = appends
        self._driving = driving
        self._lookups = lookups
        self._fenced = fenced

    async def repair(
        self, tenant: str | None, run_id: str, checked: Checked, key: AnswerKey = _NO_KEY
    ) -> Run:
        """Change how a run continues; durable when this returns.

        Repeating a repair under its idempotency key changes nothing.

        Raises:
            UnknownRun: There is no such run.
            RunIsOver: It has ended.
            NotWaiting: It is not in a state that allows this.
            InvalidAnswer: The given values do not fit.
            AnswerKeyReused: The key has been used for another repair or answer.
        """

        async def change(live: LiveRun) -> None:
            if not was_given(live.run, key):
                command = await self._lookups.completed(live, checked(live))
                self._appends.take(live, replace(command, key=key))

        return await self._fenced.changed(tenant, run_id, change, self._driving.go_on)
