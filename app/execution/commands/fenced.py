"""Commands on runs to which other processes append too.

The database refuses an append that is behind another process. A refusal appends nothing, so a copy
of the run that is read for it has to confirm it.
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from app.execution.answering.entitlement import NotYours
from app.execution.live.appends import Appends
from app.execution.live.live_run import LiveRun, RunLost
from app.execution.live.live_runs import LiveRuns, Load
from engine import Rejected, Run
from journal import Conflict, UnknownRun
from steps.contract.step_type import InvalidAnswer

_MOST_TRIES = 20
"""How often a command is tried again because another process has appended to its run first."""

_REFUSALS = (Rejected, InvalidAnswer, NotYours)

Command: TypeAlias = Callable[[Load], Awaitable[Run]]
"""Decides on a run that it loads with what it is given, and makes the decision durable."""


class Fenced:
    """Runs commands, and again on a fresh copy of the run if another process was first."""

    def __init__(self, appends: Appends, live_runs: LiveRuns, *, is_shared: bool) -> None:
        """Take the parts below; `is_shared` says that other processes append to runs too."""
        self._appends = appends
        self._live_runs = live_runs
        self._is_shared = is_shared

    async def __call__(self, command: Command) -> Run:
        """Run a command. Raises what it raises."""
        load: Load = self._live_runs.load
        is_anew = False
        for _ in range(_MOST_TRIES if self._is_shared else 0):
            try:
                return await command(load)
            except Conflict:
                continue
            except RunLost as lost:
                if not lost.is_before:
                    raise
            except _REFUSALS:
                if is_anew:
                    raise
                load, is_anew = self._live_runs.load_anew, True
        return await command(load)

    async def changed(
        self,
        tenant: str | None,
        run_id: str,
        change: Callable[[LiveRun], Awaitable[None]],
        then: Callable[[LiveRun], Run],
        workflow_id: str | None = None,
    ) -> Run:
        """Change a run by a command, and return what `then` returns once the change is durable.

        Raises what `change` raises, and `UnknownRun`, also if the run is not of `workflow_id`.
        """

        async def command(load: Load) -> Run:
            async with load(tenant, run_id) as live:
                if workflow_id not in (None, live.run.workflow_id):
                    raise UnknownRun(run_id)
                async with live.lock:
                    await self._appends.append(live)  # no refusal before its cause is durable
                    await change(live)
                    await self._appends.append(live)
                return then(live)

        return await self(command)
