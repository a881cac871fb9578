"""Commands on runs to which other processes append too.

The database refuses an append that is behind another process. A refusal appends nothing, so a copy
of the run that is read for it has to confirm it.
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from app.execution.answering.entitlement import NotYours
from app.execution.live.live_run import RunLost
from app.execution.live.live_runs import LiveRuns, Load
from engine import Rejected, Run
from journal import Conflict
from steps.contract.step_type import InvalidAnswer

_MOST_TRIES = 20
"""How often a command is tried again because another process has appended to its run first."""

_REFUSALS = (Rejected, InvalidAnswer, NotYours)

Command: TypeAlias = Callable[[Load], Awaitable[Run]]
"""Decides on a run that it loads with what it is given, and makes the decision durable."""


class Fenced:
    """Runs commands, and again on a fresh copy of the run if another process was first."""

    def __init__(self, live_runs: LiveRuns, *, is_shared: bool) -> None:
        """Take the runs in memory; `is_shared` says that other processes append to runs too."""
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
