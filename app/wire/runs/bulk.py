"""Commands for many runs, as requested and with their results, as JSON."""

from datetime import datetime

from app.execution.commands.bulk import OF_ENDED, Action, Command, Outcome
from app.execution.commands.rerunning import Again
from app.wire.parsing.errors import BadRequest
from app.wire.requests.bodies import BulkBody, BulkFilter, BulkRerun
from app.wire.runs.listing import labels_of, looked_at
from engine import JsonObject, Status
from journal import Matched, RunFilter, RunPosition
from journal.rows.run_ids import run_number
from steps.contract.step_type import Problem


def command_of(body: BulkBody) -> Command:
    """Return the command of a request body. Raises `BadRequest` if it can never match a run."""
    wanted = body.filter
    if wanted.status is not None and Status(wanted.status).is_over != (body.action in OF_ENDED):
        fits = "runs that have ended" if body.action in OF_ENDED else "runs that have not ended"
        raise _unfit("filter.status", f"{body.action} is for {fits}")
    if wanted.parentRunId is not None and body.action in OF_ENDED:
        does = "deleted with" if body.action == "delete" else "run again by"
        raise _unfit("filter.parentRunId", f"child runs are {does} their parent")
    if (body.rerun is None) != (body.action != "rerun") and not body.dryRun:
        message = "is allowed only with the action rerun"
        if body.rerun is None:
            message = "give an `operation`, such as a UUID, so that each run is rerun once"
        raise _unfit("rerun", message)
    for run_id in (*(wanted.runIds or ()), *([wanted.parentRunId] if wanted.parentRunId else ())):
        run_number(run_id)
    return Command(
        body.action,
        _run_filter(wanted, body.cursor),
        wanted.runIds,
        body.reason,
        body.limit,
        *_again(body.rerun),
    )


def _again(asked: BulkRerun | None) -> tuple[Again, str]:
    if asked is None:
        return Again(), ""
    again = Again(
        begin=asked.begin, edits=asked.data, keep_calls=asked.keepCalls, version=asked.version
    )
    return again, asked.operation


def matched_document(action: Action, matched: Matched) -> JsonObject:
    """Return what a command would process, as JSON; `cursor` excludes runs that start later."""
    return {
        "action": action,
        "dryRun": True,
        "matched": matched.runs,
        "cursor": None if matched.before is None else str(matched.before),
    }


def outcome_document(action: Action, outcome: Outcome) -> JsonObject:
    """Return the results of one part of a command, as JSON."""
    return {
        "action": action,
        "changed": outcome.changed,
        "skipped": outcome.skipped,
        "failed": outcome.failures,
        "failures": [{"runId": name, "message": why} for name, why in outcome.failed],
        "nextCursor": None if outcome.before is None else str(outcome.before),
    }


def _unfit(path: str, message: str) -> BadRequest:
    return BadRequest("the request is not acceptable", [Problem(path, message)])


def _run_filter(wanted: BulkFilter, cursor: str | None) -> RunFilter:
    return RunFilter(
        status=wanted.status,
        workflow_id=wanted.workflowId,
        since_ms=_ms(wanted.since),
        until_ms=_ms(wanted.until),
        before=None if cursor is None else RunPosition.read(cursor),
        parent_id=wanted.parentRunId,
        top_level=wanted.topLevel,
        labels=labels_of(wanted.label),
        text=wanted.text,
        **looked_at(wanted),
    )


def _ms(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1_000)
