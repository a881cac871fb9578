"""Commands on a data folder: inspect it, copy it, prune it, stop runs.

The server that has the folder open carries them out, or the command line if there is no server.
Long commands run in a thread with a connection of their own, and report progress.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any, get_args

from app.auth.caller import Caller
from app.auth.roles import Role
from app.clock import Clock
from app.execution.commands.bulk import Action, Bulk
from app.files.uploads import Files
from app.operator.data_folder import COMMAND_LINE, Progress
from app.operator.errors import CommandFailed
from app.operator.with_postgresql import BACKUP, must_be_in_folder
from app.settings.server import Settings
from app.upkeep.backup import BackupFailed, back_up
from app.upkeep.clock_watch import ClockWatch
from app.upkeep.doctor import Compile, Finding, examine, holder_of
from app.upkeep.retention import Retention
from app.wire.parsing.errors import BadRequest
from app.wire.requests.bodies import BulkBody, ListRunsQuery, checked
from app.wire.runs.bulk import command_of, matched_document, outcome_document
from app.wire.runs.listing import found_runs, run_line
from engine import iso_time
from engine.counted import counted
from engine.value import value
from journal import Journal, JournalError, Verified, holder, verify
from steps.definition import compile_definition
from steps.document.problems import InvalidDefinition
from steps.registry import Registry

_SHOWN_FAULTS = 1_000
_REST_S = 0.005
_TELL_EVERY_S = 0.5


@value(frozen=True, slots=True)
class OperatorContext:
    """The folder and the parts that work on it; `bulk` and `files` only where a server runs."""

    journal: Journal
    settings: Settings
    clock: Clock
    registry: Registry
    bulk: Bulk | None = None
    files: Files | None = None
    clock_watch: ClockWatch | None = None


async def operate(
    place: OperatorContext, command: str, given: Mapping[str, Any], tell: Progress
) -> dict[str, Any]:
    """Carry out one of `COMMANDS`. Raises `CommandFailed`, `Locked`."""
    try:
        return await COMMANDS[command](place, given, tell)
    except BadRequest as wrong:
        listed = "; ".join(f"{item.path}: {item.message}" for item in wrong.problems)
        raise CommandFailed(listed or str(wrong)) from wrong
    except (JournalError, BackupFailed, OSError) as refused:
        raise CommandFailed(str(refused)) from refused


async def _list(place: OperatorContext, given: Mapping[str, Any], _: Progress) -> dict[str, Any]:
    query = checked(ListRunsQuery, given["query"])
    found = await found_runs(place.journal, given["tenant"], query, query.limit)
    return {"runs": [run_line(row, found) for row in found.page.rows]}


async def _bulk(place: OperatorContext, given: Mapping[str, Any], _: Progress) -> dict[str, Any]:
    body = checked(BulkBody, given["body"])
    command = command_of(body)
    assert place.bulk is not None  # noqa: S101 - every context for this command has it
    if body.dryRun:
        return matched_document(body.action, await place.bulk.count(given["tenant"], command))
    outcome = await place.bulk.perform(
        given["tenant"], command, Caller(given["tenant"], Role.OWNER, COMMAND_LINE)
    )
    return outcome_document(body.action, outcome)


async def _retention(
    place: OperatorContext, given: Mapping[str, Any], _: Progress
) -> dict[str, Any]:
    watch = place.clock_watch
    if watch is None:
        watch = ClockWatch(place.clock, place.journal.clock_marks)
        await watch.begin()
    retention = Retention(place.journal, place.settings, watch)
    if not given["dry_run"]:
        return {"deleted": await retention.apply()}
    return {
        "goes": [
            {
                "tenant": due.group.tenant,
                "status": due.group.status,
                "runs": due.runs,
                "oldestEndTime": iso_time(due.oldest_ended_ms or 0),
            }
            for due in await retention.due()
        ]
    }


async def _verify(
    place: OperatorContext, _given: Mapping[str, Any], tell: Progress
) -> dict[str, Any]:
    told_at = time.monotonic()

    def say(so_far: Verified) -> None:
        tell(
            f"{counted(so_far.runs, 'run')}, {counted(so_far.events, 'event')},"
            f" {counted(len(so_far.faults), 'fault')}"
        )

    def progress(so_far: Verified) -> None:
        nonlocal told_at
        time.sleep(_REST_S)  # the server's other work goes first
        if time.monotonic() - told_at > _TELL_EVERY_S:
            told_at = time.monotonic()
            say(so_far)

    def work() -> Verified:
        with place.journal.look() as connection:
            return verify(connection, progress)

    found = await asyncio.to_thread(work)
    say(found)
    return {
        "runs": found.runs,
        "events": found.events,
        "faults": len(found.faults),
        "found": [
            {"runId": fault.run_id, "event": fault.seq, "what": fault.what}
            for fault in found.faults[:_SHOWN_FAULTS]
        ],
    }


async def _backup(
    place: OperatorContext, given: Mapping[str, Any], tell: Progress
) -> dict[str, Any]:
    must_be_in_folder(place.settings, BACKUP)
    return await asyncio.to_thread(
        back_up, place.settings, given["to"], place.clock.now_ms(),
        with_key=given["with_key"], tell=tell,
    )  # fmt: skip


async def _doctor(
    place: OperatorContext, _given: Mapping[str, Any], _tell: Progress
) -> dict[str, Any]:
    found = await asyncio.to_thread(
        examine, place.settings, place.clock.now_ms(), compiler(place.registry)
    )
    held = holder_of(place.settings.data, holder(place.settings.data).get("pid"))
    if place.files is not None and place.files.trouble is not None:
        remedy = "see that it runs, and that this machine reaches it; the server tries again"
        found.append(Finding("files", "wrong", place.files.trouble, remedy))
    return {"findings": [item.as_json() for item in (held, *found)]}


def compiler(registry: Registry) -> Compile:
    """Return a function that says why a definition cannot be used with these step types."""

    def compile_text(text: str) -> str | None:
        try:
            compile_definition(json.loads(text), registry)
        except InvalidDefinition as invalid:
            return str(invalid)
        except ValueError as unreadable:
            return f"it is not JSON ({unreadable})"
        return None

    return compile_text


COMMANDS = {
    "runs.list": _list,
    **{f"runs.{action}": _bulk for action in get_args(Action)},
    "retention": _retention,
    "verify": _verify,
    "backup": _backup,
    "doctor": _doctor,
}
