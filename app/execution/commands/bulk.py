"""Commands for many runs at once, in parts of limited size.

A part ends after a number of runs or seconds, and says where the next one continues. Each run is
stopped or deleted on its own and finally, so it is safe to interrupt a command or to repeat it:
runs that are done no longer match, or stay as they are. If a run and an ancestor of it are both
meant, the ancestor is stopped and stops its descendants. Stopping a child alone would count as its
failure, and the parent would continue.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from app.auth.caller import Caller
from app.definitions.versioned import DefinitionUnusable
from app.execution.answering.repairs import Meant, of_step
from app.execution.commands.deletion import delete_whole
from app.execution.commands.repair_commands import RepairCommands
from app.execution.commands.rerunning import Again, Reruns
from app.execution.commands.runs import Runs
from app.execution.live.live_run import RunLost
from engine import GiveUp, HoldRun, Rejected, ReleaseRun, TryNow
from engine.value import value
from journal import (
    ChildOf,
    Corrupt,
    Journal,
    Matched,
    NotEnded,
    NotFound,
    RunFilter,
    RunPosition,
    UnknownRun,
    run_id,
)
from steps.contract.step_type import InvalidAnswer

Action: TypeAlias = Literal[
    "cancel", "terminate", "delete", "hold", "release", "tryNow", "giveUp", "rerun"
]
OF_ENDED = ("delete", "rerun")
"""Commands for runs that have ended and are not child runs."""

_DOWN = ("cancel", "terminate")
"""Commands that a run passes on to its child runs."""

_PART = 100
_HEAVY_AT_ONCE = 10
_LONGEST_S = 5.0
_MOST_FAILURES = 50


@value(frozen=True, slots=True)
class Command:
    """What to do with which runs.

    Attributes:
        ids: Only these runs, of those that match the filter.
        limit: How many runs to look at, at most.
        again: How they are run again.
        operation: The name of this bulk rerun, under which each run is run again only once.
    """

    action: Action
    wanted: RunFilter
    ids: Sequence[str] | None = None
    reason: str | None = None
    limit: int = 1_000
    again: Again = Again()
    operation: str = ""


@dataclass(slots=True)
class Outcome:
    """The result of one part.

    Attributes:
        changed: Runs that were stopped, asked to stop, or deleted (not counting their children).
        skipped: Runs that had ended, did not exist, or cannot be deleted yet.
        failed: The first runs for which the command failed, and why.
        failures: How many failed in all.
        before: The place of the last run looked at if there may be more; else None.
    """

    changed: int = 0
    skipped: int = 0
    failures: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    before: RunPosition | None = None


class Bulk:
    """Cancels, terminates, deletes, repairs and runs again the runs that a filter selects."""

    def __init__(
        self, journal: Journal, runs: Runs, repairs: RepairCommands, reruns: Reruns
    ) -> None:
        self._journal = journal
        self._runs = runs
        self._repairs = repairs
        self._reruns = reruns

    async def count(self, tenant: str, command: Command) -> Matched:
        """Return which runs the command means, and change nothing."""
        return await self._journal.selection.count(
            tenant, command.wanted, command.ids, is_open=command.action not in OF_ENDED
        )

    async def perform(self, tenant: str, command: Command, caller: Caller) -> Outcome:
        """Carry out one part of a command. Raises `Unavailable`."""
        outcome = Outcome()
        until_s = time.monotonic() + _LONGEST_S
        left, before = command.limit, command.wanted.before
        selection = self._journal.selection
        select = selection.deletable if command.action in OF_ENDED else selection.open
        while left > 0:
            asked = min(_PART, left)
            wanted = replace(command.wanted, before=before)
            places = await select(tenant, wanted, command.ids, asked)
            ids = [run_id(place.number) for place in places]
            tops = ids
            if command.action in _DOWN and ids:
                tops = list(
                    dict.fromkeys(await selection.highest(tenant, wanted, command.ids, ids))
                )
            await self._part(tenant, command, caller, tops, outcome)
            if len(ids) < asked:
                return outcome
            left -= len(ids)
            before = places[-1]
            if time.monotonic() > until_s:
                break
        outcome.before = before
        return outcome

    async def _part(
        self, tenant: str, command: Command, caller: Caller, ids: Sequence[str], outcome: Outcome
    ) -> None:
        at_once = _HEAVY_AT_ONCE if command.action in OF_ENDED else len(ids)
        results: list[BaseException | None] = []
        for at in range(0, len(ids), at_once or 1):
            results += await asyncio.gather(
                *(self._one(tenant, command, caller, each) for each in ids[at : at + at_once]),
                return_exceptions=True,
            )
        for one, result in zip(ids, results, strict=True):
            match result:
                case None:
                    outcome.changed += 1
                case Rejected() | UnknownRun() | NotEnded() | ChildOf():
                    outcome.skipped += 1
                case DefinitionUnusable() | RunLost() | Corrupt() | InvalidAnswer() | NotFound():
                    outcome.failures += 1
                    if len(outcome.failed) < _MOST_FAILURES:
                        outcome.failed.append((one, str(result)))
                case _:
                    raise result

    async def _one(self, tenant: str, command: Command, caller: Caller, one: str) -> None:
        who = (command.reason, caller.name)
        match command.action:
            case "cancel":
                await self._runs.cancel(tenant, one, *who)
            case "terminate":
                await self._runs.terminate(tenant, one, *who)
            case "delete":
                await delete_whole(self._journal, tenant, one)
            case "hold":
                await self._repairs.repair(tenant, one, of_step(Meant(), HoldRun(*who)))
            case "release":
                await self._repairs.repair(tenant, one, of_step(Meant(), ReleaseRun(*who)))
            case "tryNow":
                await self._repairs.repair(tenant, one, of_step(Meant(), TryNow(*who)))
            case "giveUp":
                await self._repairs.repair(tenant, one, of_step(Meant(), GiveUp(*who)))
            case "rerun":
                again = replace(command.again, reason=command.reason)
                await self._reruns.once(tenant, one, again, caller, command.operation)
