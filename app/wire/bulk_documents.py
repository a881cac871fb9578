"""Commands for many runs as they are asked for, and what they did, as JSON."""

from datetime import datetime

from app.execution.bulk import Action, Command, Outcome
from app.wire.bodies import BulkBody, BulkFilter
from app.wire.errors import BadRequest
from app.wire.run_list import labels_of
from engine import JsonObject, Status
from journal import Matched, RunFilter, RunPosition
from journal.run_ids import run_number
from steps.contract import Problem


def command_of(body: BulkBody) -> Command:
    """Return the command that a body asks for. Raises `BadRequest` for what never matches."""
    wanted = body.filter
    if wanted.status is not None and Status(wanted.status).is_over != (body.action == "delete"):
        fits = "runs that have ended" if body.action == "delete" else "runs that have not ended"
        raise _unfit("filter.status", f"{body.action} is for {fits}")
    if wanted.parentRunId is not None and body.action == "delete":
        raise _unfit("filter.parentRunId", "child runs are deleted with their parent")
    for run_id in (*(wanted.runIds or ()), *([wanted.parentRunId] if wanted.parentRunId else ())):
        run_number(run_id)
    return Command(
        body.action, _run_filter(wanted, body.cursor), wanted.runIds, body.reason, body.limit
    )


def matched_document(action: Action, matched: Matched) -> JsonObject:
    """Return what a command would look at, as JSON; `cursor` leaves out runs that start later."""
    return {
        "action": action,
        "dryRun": True,
        "matched": matched.runs,
        "cursor": None if matched.before is None else str(matched.before),
    }


def outcome_document(action: Action, outcome: Outcome) -> JsonObject:
    """Return what one part of a command did, as JSON."""
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
    )


def _ms(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1_000)
