"""A run as the API shows it, made from the fold of its history."""

from collections.abc import Mapping, Sequence

from app.execution.usage import calls_of, usage_of, with_usage_of
from app.secrets.sensitive import shown_data
from app.wire.requests.history_page import WHOLE_HISTORY, HistoryPage
from engine import (
    CarriedVisit,
    Hold,
    Json,
    JsonObject,
    Origin,
    Run,
    RunError,
    Starter,
    State,
    StepError,
    Visit,
    VisitAnswer,
    VisitStatus,
    iso_time,
    iso_time_or_none,
)
from journal import CaptionRow

_BESIDE = ("actionValue", "comment", "attachments")
"""What an answer has beside its fields."""

MOST_CHILD_IDS = 100
"""How many child runs the status names; the list of runs has them all."""


def status_document(  # noqa: PLR0913 - what the fold does not contain
    run: Run,
    child_ids: Sequence[str] = (),
    children: Mapping[str, int] | None = None,
    shown: HistoryPage = WHOLE_HISTORY,
    caption: CaptionRow | None = None,
    pauses: Sequence[Json] = (),
    earlier: tuple[int, Json] = (0, None),
) -> JsonObject:
    """Return the answer of the status endpoint. Every field is present, null where empty.

    `child_ids` are the first child runs; `children` counts those of the current step by status.
    `historyCursor` is present if there is more history before the part shown, `title` and `labels`
    if the definition sets them, and `pauseSignals` if child runs wait: `pauses`. `earlier` is the
    number of visits that are not shown and that `run` therefore lacks, and their summary.
    """
    visits, (lacking, summary) = run.history, earlier
    first = len(run.carried) + lacking
    page = shown.of(first + len(visits))
    history: list[Json] = [_carried(visit) for visit in run.carried[page.start : page.stop]]
    own = visits[max(0, page.start - first) : max(0, page.stop - first)]
    history += [_entry(visit) for visit in own]
    if own and own[-1] is run.current and run.current.children and children is not None:
        current = history[-1]
        assert isinstance(current, dict)  # noqa: S101 - made by `_entry`
        current["progress"] = _progress(run.current.children, children)
    return {
        "runId": run.id,
        "workflowId": run.workflow_id,
        "version": run.version,
        **_captioned(caption),
        "status": str(run.state.status),
        "currentStepId": run.current_step_id,
        "pauseSignal": run.pause_shown,
        **({"pauseSignals": [*pauses]} if pauses else {}),
        "data": shown_data(run.data),
        "stepExecutionHistory": history,
        **({"historyCursor": str(page.start)} if page.start else {}),
        "result": run.result,
        "error": _run_error(run.error),
        "reason": run.reason,
        "cancelRequested": run.cancel_requested,
        **({"body": run.body} if run.body else {}),
        **({"handler": run.handler} if run.handler else {}),
        **({"deadline": iso_time(run.deadline_ms)} if run.deadline_ms is not None else {}),
        **({"hold": _hold(run.held, run.next_step)} if run.held else {}),
        "parentRunId": run.parent.run_id if run.parent else None,
        **({"parentWentOn": True} if run.is_detached else {}),
        **({"startedBy": _starter(run.starter)} if run.starter else {}),
        "origin": _origin(run.origin),
        "childRunIds": list(child_ids),
        "usage": with_usage_of(summary, visits),
        "waitingUntil": iso_time_or_none(run.wake_at_ms) if run.state is State.SLEEPING else None,
        **({"queuedSince": iso_time(run.started_at_ms)} if run.state is State.QUEUED else {}),
        "startTime": iso_time(run.started_at_ms),
        "endTime": iso_time_or_none(run.ended_at_ms),
    }


def _hold(held: Hold, next_step: str | None) -> JsonObject:
    return {
        "by": held.caller,
        "reason": held.reason,
        "since": iso_time(held.at_ms),
        "nextStepId": next_step,
    }


def _captioned(caption: CaptionRow | None) -> JsonObject:
    return {"title": caption.title, "labels": dict(caption.labels)} if caption else {}


def outcome_document(run: Run, pauses: Sequence[Json] = ()) -> JsonObject:
    """Return the answer of a start that waited.

    For a completed run the answer has exactly the fields of the contract; a failed run adds
    `error`, and a run that waits for a person adds what it waits for.
    """
    document: JsonObject = {
        "runId": run.id,
        "status": str(run.state.status),
        "data": shown_data(run.data),
        "result": run.result,
    }
    if run.error:
        document["error"] = _run_error(run.error)
    if not run.is_over:
        document["currentStepId"] = run.current_step_id
        document["pauseSignal"] = run.pause_shown
        if pauses:
            document["pauseSignals"] = [*pauses]
    return document


def _entry(visit: Visit) -> JsonObject:
    """Return one line of the history; fields about what has not happened are left out."""
    entry = _visit(visit)
    if visit.status is VisitStatus.COMPLETED:
        entry["outputData"] = visit.output
    if visit.retry_at_ms is not None:
        entry["retryAt"] = iso_time(visit.retry_at_ms)
    if visit.answers:
        entry["answers"] = [_answer(answer) for answer in visit.answers]
    if visit.children:
        entry["childRuns"] = visit.children
    if calls := calls_of(visit):
        entry["calls"] = calls
        entry["usage"] = usage_of([visit])
    return entry


def _answer(given: VisitAnswer) -> Json:
    """Return who answered, and what the output need not have: the fields are in the output."""
    answer = given.answer if isinstance(given.answer, dict) else {}
    beside = {name: answer[name] for name in _BESIDE if answer.get(name) is not None}
    return {"answeredBy": given.caller, "answeredAt": iso_time(given.at_ms), **beside}


def _carried(visit: CarriedVisit) -> JsonObject:
    """Return a line of the history that an earlier run did, with that run's id."""
    entry = {**_visit(visit), "carriedFrom": visit.run_id}
    if visit.left_out:
        entry["outputLeftOut"] = True
    elif visit.status == VisitStatus.COMPLETED:
        entry["outputData"] = visit.output
    return entry


def _visit(visit: Visit | CarriedVisit) -> JsonObject:
    """Return the parts of a history line that every visit has."""
    entry: JsonObject = {
        "stepId": visit.step_id,
        "stepType": visit.step_type,
        "stepName": visit.step_name if visit.step_name is not None else visit.step_id,
        "status": str(visit.status),
        "startTime": iso_time(visit.started_at_ms),
    }
    if visit.visit > 1:
        entry["visit"] = visit.visit
    if visit.attempt > 1:
        entry["attempt"] = visit.attempt
    if visit.ended_at_ms is not None:
        entry["endTime"] = iso_time(visit.ended_at_ms)
        # The clock may have been set back meanwhile.
        entry["duration"] = max(0, visit.ended_at_ms - visit.started_at_ms)
    if visit.error:
        entry["error"] = _step_error(visit.error)
    return entry


def _progress(total: int, children: Mapping[str, int]) -> JsonObject:
    """Return the progress of a step's child runs; those not listed have not been started."""
    failed = sum(children.get(status, 0) for status in ("failed", "cancelled", "terminated"))
    return {
        "total": total,
        "completed": children.get("completed", 0),
        "failed": failed,
        "running": children.get("running", 0),
        "paused": children.get("paused", 0),
    }


def _step_error(error: StepError) -> JsonObject:
    shown: JsonObject = {"type": error.type, "message": error.message}
    if error.status is not None:
        shown["status"] = error.status
    if error.child_run_id is not None:
        shown |= {"childRunId": error.child_run_id, "childStepId": error.child_step_id}
    return shown


def _run_error(error: RunError | None) -> Json:
    if error is None:
        return None
    return {
        "stepId": error.step_id,
        "type": error.type,
        "message": error.message,
        "attempts": error.attempts,
        **({} if error.status is None else {"status": error.status}),
    }


def _starter(starter: Starter) -> Json:
    return {"runId": starter.run_id, "stepId": starter.step_id}


def _origin(origin: Origin | None) -> Json:
    if origin is None:
        return None
    shown: JsonObject = {"runId": origin.run_id, "stepId": origin.step_id, "seq": origin.seq}
    for name, said in (("version", origin.version), ("reason", origin.reason)):
        if said is not None:
            shown[name] = said
    return shown
