"""What a repair needs from outside the run: files that exist, and a question as it reads now."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

from app.execution.live.live_run import LiveRun
from app.files.uploads import unknown_files, unknown_ids
from engine import (
    PAUSE_UPKEEP,
    Broke,
    ChangeData,
    Input,
    JsonObject,
    Pause,
    Pauses,
    Repair,
    SkipStep,
)
from journal import Journal
from steps.contract.step_type import InvalidAnswer, Problem
from steps.document.compiled import Definition

_STAYS = PAUSE_UPKEEP | {"deadline", "onDeadline"}
"""The keys of a pause that stay when its question is asked again with other data."""

AskedWith: TypeAlias = Callable[[LiveRun, JsonObject], Awaitable[Input | None]]
"""Returns what a paused run's step gives with other data; None if it acts and cannot be asked."""


class RepairLookups:
    """Completes repairs before the engine decides on them."""

    def __init__(self, journal: Journal, asked_with: AskedWith) -> None:
        self._journal = journal
        self._asked_with = asked_with

    async def completed(self, live: LiveRun, command: Repair) -> Repair:
        """Return a repair with all that it needs. Raises `InvalidAnswer`."""
        match command:
            case ChangeData():
                await files_must_exist(self._journal, live.tenant, live.usable, command.data)
                return replace(command, question=await self._question(live, command))
            case SkipStep() if live.run.current is not None:
                step = live.usable.steps[live.run.current.step_id]
                unknown = await unknown_files(
                    self._journal, live.tenant, step.output, command.data, "output"
                )
                if unknown:
                    raise InvalidAnswer(unknown)
        return command

    async def _question(self, live: LiveRun, command: ChangeData) -> Pause | None:
        """Return the open question as it reads with the new data; None if it stays the same."""
        run, where, pause = live.run, live.run.current, live.run.pause
        if where is None or pause is None or pause.run_id is not None or pause.interruption:
            return None
        if where.records or not live.usable.steps[where.step_id].type.built_in:
            return None  # others may record something, for which the run's lock is needed
        gone = frozenset(command.removed)
        data = {name: item for name, item in run.data.items() if name not in gone}
        asked = await self._asked_with(live, {**data, **command.data})
        if isinstance(asked, Broke):
            message = f"step {where.step_id} cannot ask with this data: {asked.error.message}"
            raise InvalidAnswer([Problem("data", message)])
        if not isinstance(asked, Pauses) or asked.pause.type != pause.type:
            return None
        kept = {name: item for name, item in pause.body.items() if name in _STAYS}
        fresh = {name: item for name, item in asked.pause.body.items() if name not in _STAYS}
        before, after = pause.body.get("exclude"), fresh.get("exclude")
        if isinstance(before, list) and isinstance(after, list):
            # Nobody gets rid of their own exclusion by a change of the data.
            fresh["exclude"] = [*before, *(name for name in after if name not in before)]
        # Answers that were given so far are answers to the question as it was.
        changed = {name: item for name, item in run.pause_changes.items() if name != "answers"}
        return replace(pause, body={**fresh, **kept, **changed})


async def files_must_exist(
    journal: Journal, tenant: str, definition: Definition, edits: JsonObject
) -> None:
    """Raise `InvalidAnswer` for an id in edited data that names no file.

    Any step may have declared the name as a file.
    """
    declared = (definition.inputs, *(step.output for step in definition.steps.values()))
    ids = (named for fields in declared for named in fields.file_ids(edits))
    if problems := await unknown_ids(journal, tenant, ids):
        raise InvalidAnswer(problems)
