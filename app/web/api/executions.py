"""Runs: status, resume, cancel, terminate, and the list."""

from starlette.responses import Response

from app.auth.roles import Role
from app.execution.usage import has_children
from app.web.endpoint import Call, Endpoint
from app.web.json_answer import JsonAnswer, json_answer, list_answer
from app.wire.forms.bodies import ResumeForm
from app.wire.forms.request import is_form
from app.wire.parsing.json_body import declared_size, json_body
from app.wire.requests.answer_request import AnswerRequest
from app.wire.requests.bodies import ControlBody, ListRunsQuery, ResumeBody, StatusQuery, checked
from app.wire.requests.history_page import HistoryPage
from app.wire.runs.document import MOST_CHILD_IDS, status_document
from app.wire.runs.listing import found_runs, run_line
from app.wire.runs.pauses_below import asking_below, pauses_below
from engine import Run
from journal import RecentRun

_LONG_HISTORY = 200


async def status(call: Call) -> Response:
    """Show the state of a run."""
    query = call.query(StatusQuery)
    runs, run_id = call.services.runs, call.path("runId")
    if query.historyCursor is None:
        found = await runs.recent(call.tenant, run_id, query.historyLimit)
        return await _status(call, found, HistoryPage(query.historyLimit))
    found = RecentRun(await runs.read(call.tenant, run_id))
    return await _status(call, found, HistoryPage(query.historyLimit, int(query.historyCursor)))


async def resume(call: Call) -> Response:
    """Answer a paused run."""
    services, run_id = call.services, call.path("runId")
    run = await services.runs.read(call.tenant, run_id)
    size = declared_size(call.request, services.settings) if is_form(call.request) else 0
    with services.admission.starting(call.tenant, size):
        asked = await AnswerRequest.read(call.request, services.settings)
        meant = (asked.body.pauseId, asked.body.runId)
        below = await asking_below(services.journal, call.tenant, run, *meant)
        if asked.form is None:
            asking = run if below == run_id else await services.runs.read(call.tenant, below)
            run = await _resumed(call, asking, asked)
        else:
            # The second of two simultaneous answers finds the first before it stores its files.
            async with services.storing.of("answer", call.tenant, below):
                run = await _resumed(call, await services.runs.read(call.tenant, below), asked)
    if below != run_id:
        run = await services.runs.read(call.tenant, run_id)
    return await status_of(call, run)


async def _resumed(call: Call, run: Run, asked: AnswerRequest) -> Run:
    answer = await asked.answer_to(run, call.services.files, call.tenant)
    return await call.services.runs.resume(call.tenant, run.id, answer, call.caller, asked.key)


async def cancel(call: Call) -> Response:
    """Ask a run to stop gracefully."""
    body = checked(ControlBody, await json_body(call.request, call.services.settings))
    run = await call.services.runs.cancel(
        call.tenant, body.runId, body.reason, call.caller.name, workflow_id=body.workflowId
    )
    return controlled(run, "the run is being cancelled" if not run.is_over else "the run is over")


async def terminate(call: Call) -> Response:
    """End a run at once."""
    body = checked(ControlBody, await json_body(call.request, call.services.settings))
    run = await call.services.runs.terminate(
        call.tenant, body.runId, body.reason, call.caller.name, workflow_id=body.workflowId
    )
    return controlled(run, "the run was terminated")


async def list_runs(call: Call) -> Response:
    """List runs, newest first, a page at a time."""
    query = call.query(ListRunsQuery)
    found = await found_runs(call.services.journal, call.tenant, query, query.limit)
    cursor = None if found.page.following is None else str(found.page.following)
    return await list_answer(
        "runs", found.page.rows, lambda row: run_line(row, found), nextCursor=cursor
    )


async def status_of(call: Call, run: Run) -> Response:
    """Show the state of a run after a command."""
    return await _status(call, RecentRun(run), HistoryPage())


async def _status(call: Call, found: RecentRun, shown: HistoryPage) -> Response:
    """Show the status of a run, with the list's data about its child runs."""
    ids: list[str] = []
    counts: dict[str, int] | None = None
    run, earlier = found.run, (found.visits, found.summary)
    visits = run.history
    if has_children(found.summary) or any(visit.children for visit in visits):
        children = call.services.journal.children
        counts = await children.counts(run.id, run.executions, attempts=visits[-1].attempt)
        ids = await children.ids(run.id, MOST_CHILD_IDS)
    is_long = len(shown.of(found.visits + len(visits) + len(run.carried))) > _LONG_HISTORY
    captions = await call.services.journal.captions.of(call.tenant, [run.id])
    caption = captions.get(run.id)
    pauses = await pauses_below(call.services.journal, run)
    return await json_answer(
        lambda: status_document(run, ids, counts, shown, caption, pauses, earlier), is_long=is_long
    )


def controlled(run: Run, message: str) -> JsonAnswer:
    """Return the answer to a command that changed how a run continues."""
    return JsonAnswer(
        {"success": True, "runId": run.id, "status": run.status.value, "message": message}
    )


ENDPOINTS = (
    Endpoint(
        "GET", "/api/workflow/status/{runId}", Role.VIEWER, status, "Show the state of a run",
        None, StatusQuery,
    ),
    Endpoint(
        "POST", "/api/workflow/resume/{runId}", Role.OPERATOR, resume,
        "Answer a paused run", ResumeBody, form=ResumeForm, headers=("Idempotency-Key",),
    ),
    Endpoint(
        "POST", "/api/workflow/management/cancel", Role.OPERATOR, cancel,
        "Stop a run gracefully", ControlBody,
    ),
    Endpoint(
        "POST", "/api/workflow/management/terminate", Role.OPERATOR, terminate,
        "End a run at once", ControlBody,
    ),
    Endpoint(
        "GET", "/api/workflow/runs", Role.VIEWER, list_runs, "List runs", None, ListRunsQuery
    ),
)  # fmt: skip
