"""Start, status, resume, cancel, terminate, and the list of runs."""

import asyncio
import hashlib
import json
import re
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.execution.new_run import NewRun
from app.web.api.answers import is_form, read_answer
from app.web.connections import leave_with_client
from app.web.endpoint import Call, Endpoint
from app.web.json_answer import json_answer
from app.wire.bodies import (
    ControlBody,
    ListRunsQuery,
    ResumeBody,
    StartBody,
    StartQuery,
    checked,
)
from app.wire.errors import BadRequest, IdempotencyMismatch
from app.wire.json_body import json_body
from app.wire.multipart import FIELD, Form, multipart_body
from app.wire.run_document import MOST_CHILD_IDS, outcome_document, status_document
from app.wire.run_list import run_filter, run_line
from app.wire.start_files import declared_files, stored
from engine import JsonObject, Run
from journal import DuplicateStart, IdempotencyKey
from steps.compiled import Definition
from steps.contract import Problem

_LONGEST_KEY = 255
_LONG_HISTORY = 200


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A start as it was sent; a multipart one has its input in `form`."""

    data: JsonObject
    selector: str | None
    form: Form | None = None


async def start(call: Call) -> Response:
    """Start a run and wait until it ends, pauses, or the wait is over."""
    limit_s = _wait_limit(call)
    run, outcome = await _start(call, wait=True)
    if outcome is not None:
        leave_with_client(call.request.scope, outcome)
        try:
            async with asyncio.timeout(limit_s):
                run = await outcome
        except (TimeoutError, asyncio.CancelledError):
            if not outcome.done() or outcome.cancelled():
                stands = await call.services.runs.stored(call.tenant, run.id)
                return JSONResponse(outcome_document(stands), 202)
            run = outcome.result()  # it came in the moment in which the wait was over
    return JSONResponse(outcome_document(run))


async def start_async(call: Call) -> Response:
    """Start a run and answer at once."""
    run, _ = await _start(call, wait=False)
    return JSONResponse({"runId": run.id})


async def status(call: Call) -> Response:
    """Show how a run stands."""
    run = await call.services.runs.read(call.tenant, call.path("runId"))
    return await _status(call, run)


async def resume(call: Call) -> Response:
    """Answer a paused run."""
    run_id = call.path("runId")
    asked = await call.services.runs.read(call.tenant, run_id)
    with call.services.admission.starting(call.tenant, _size(call) if is_form(call.request) else 0):
        answer = await read_answer(call, asked)
    run = await call.services.runs.resume(call.tenant, run_id, answer, call.caller)
    return await _status(call, run)


async def cancel(call: Call) -> Response:
    """Ask a run to stop in good order."""
    body = checked(ControlBody, await json_body(call.request, call.services.settings))
    run = await call.services.runs.cancel(
        call.tenant, body.runId, body.workflowId, body.reason, call.caller.name
    )
    return _controlled(run, "the run is being cancelled" if not run.is_over else "the run is over")


async def terminate(call: Call) -> Response:
    """End a run at once."""
    body = checked(ControlBody, await json_body(call.request, call.services.settings))
    run = await call.services.runs.terminate(
        call.tenant, body.runId, body.workflowId, body.reason, call.caller.name
    )
    return _controlled(run, "the run was terminated")


async def list_runs(call: Call) -> Response:
    """List runs, newest first, a page at a time."""
    query = checked(ListRunsQuery, dict(call.request.query_params))
    wanted = run_filter(query)
    rows = await call.services.journal.runs.page(call.tenant, wanted, query.limit + 1)
    page = rows[: query.limit]
    runs = [run_line(row) for row in page]
    more = len(rows) > len(page)
    return JSONResponse({"runs": runs, "nextCursor": str(page[-1].number) if more else None})


async def _status(call: Call, run: Run) -> Response:
    """Show the status of a run with what the list of runs knows of its child runs."""
    ids: list[str] = []
    counts: dict[str, int] | None = None
    if any(visit.children for visit in run.history):
        children = call.services.journal.children
        counts = await children.counts(run.id, run.executions)
        ids = await children.ids(run.id, MOST_CHILD_IDS)
    is_long = run.executions + len(run.carried) > _LONG_HISTORY
    return await json_answer(lambda: status_document(run, ids, counts), is_long=is_long)


async def _start(call: Call, *, wait: bool) -> tuple[Run, asyncio.Future[Run] | None]:
    size = _size(call)
    with call.services.admission.starting(call.tenant, size):
        return await _take_on(call, size, wait=wait)


async def _take_on(call: Call, size: int, *, wait: bool) -> tuple[Run, asyncio.Future[Run] | None]:
    services = call.services
    key = idempotency_key(call)
    workflow_id = call.path("workflowId")
    query = checked(StartQuery, dict(call.request.query_params))
    await services.workflows.startable(call.tenant, workflow_id, query.version)
    wanted = await _read(call, query.version)
    row, definition = await services.workflows.startable(call.tenant, workflow_id, wanted.selector)
    data = _data(wanted, definition)
    idempotency = IdempotencyKey(key, _fingerprint(workflow_id, wanted)) if key else None
    if wanted.form:
        data |= await stored(services.files, call.tenant, wanted.form, definition)
    new = NewRun(
        call.tenant,
        row.id,
        row.version,
        definition,
        data,
        call.caller.name,
        call.caller.context,
        idempotency,
        size=0 if wanted.form else size,
    )
    try:
        return await services.runs.start(new, wait=wait)
    except DuplicateStart as duplicate:
        if not duplicate.same:
            raise IdempotencyMismatch(duplicate.run_id) from duplicate
        run = await services.runs.read(call.tenant, duplicate.run_id)
        return run, await services.runs.expect(call.tenant, run.id) if wait else None


def _size(call: Call) -> int:
    """Return how many bytes a start may bring: what it declares, the most that is taken if not."""
    settings = call.services.settings
    most = max(settings.max_body_bytes, settings.max_attachment_bytes)
    declared = call.request.headers.get("content-length", "")
    return min(int(declared), most) if declared.isdecimal() and len(declared) < 20 else most  # noqa: PLR2004


async def _read(call: Call, selector: str | None) -> _Wanted:
    if is_form(call.request):
        return _Wanted({}, selector, await multipart_body(call.request, call.services.settings))
    raw = await json_body(call.request, call.services.settings, required=False)
    body = checked(StartBody, raw)
    return _Wanted(body.data, body.version or selector)


def _data(wanted: _Wanted, definition: Definition) -> JsonObject:
    """Return the checked input, with defaults. Raises `BadRequest`."""
    data = dict(wanted.data)
    problems: list[Problem] = []
    fields = definition.payload
    if form := wanted.form:
        inputs = type(fields)(definition.input_fields())
        data, problems = inputs.convert_text(form.texts)
        if FIELD in form.uploads:
            data = {"fileId": "", "attachment": {}, **data}
        file_fields = declared_files(definition)
        data |= dict.fromkeys(form.parts_of(file_fields), "")
        problems += form.misplaced(file_fields)
    problems += [item for item in fields.check(data) if not _is_attached(item.path, wanted)]
    if problems:
        raise BadRequest("the input is not acceptable", problems)
    return fields.with_defaults(data)


def _is_attached(path: str, wanted: _Wanted) -> bool:
    """Say whether a problem is about what the server itself puts into the data."""
    has_one = wanted.form is not None and FIELD in wanted.form.uploads
    return has_one and path.startswith(("data.fileId", "data.attachment"))


def idempotency_key(call: Call) -> str | None:
    """Return the request's `Idempotency-Key`. Raises `BadRequest`."""
    key = call.request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= _LONGEST_KEY and key.isprintable()):
        raise BadRequest(f"Idempotency-Key must have 1 to {_LONGEST_KEY} printable characters")
    return key


def _wait_limit(call: Call) -> float:
    """Return how long to wait, in seconds: `Prefer: wait=N` (RFC 7240), bounded."""
    limit = call.services.settings.sync_wait_limit
    asked = re.search(r"\bwait=(\d{1,9})\b", call.request.headers.get("prefer", ""))
    return min(limit, int(asked[1])) if asked else limit


def _fingerprint(workflow_id: str, wanted: _Wanted) -> str:
    """Say what a start asks for, so that a repeated key can be told from a reused one."""
    texts = wanted.form and wanted.form.texts
    digests = {
        name: hashlib.sha256(upload.content).hexdigest()
        for name, upload in (wanted.form.uploads if wanted.form else {}).items()
    }
    asked = [workflow_id, wanted.selector, wanted.data, texts, digests.pop(FIELD, None)]
    asked += [digests] if digests else []  # one attachment reads as it always has
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _controlled(run: Run, message: str) -> JSONResponse:
    return JSONResponse(
        {"success": True, "runId": run.id, "status": run.status.value, "message": message}
    )


ENDPOINTS = (
    Endpoint(
        "POST", "/api/workflow/start/{workflowId}", Role.OPERATOR, start,
        "Start a run and wait for its outcome", StartBody, StartQuery, True, (200, 202),
    ),
    Endpoint(
        "POST", "/api/workflow/start-async/{workflowId}", Role.OPERATOR, start_async,
        "Start a run and answer at once", StartBody, StartQuery, True,
    ),
    Endpoint("GET", "/api/workflow/status/{runId}", Role.VIEWER, status, "Show how a run stands"),
    Endpoint(
        "POST", "/api/workflow/resume/{runId}", Role.OPERATOR, resume,
        "Answer a paused run", ResumeBody, takes_attachment=True,
    ),
    Endpoint(
        "POST", "/api/workflow/management/cancel", Role.OPERATOR, cancel,
        "Stop a run in good order", ControlBody,
    ),
    Endpoint(
        "POST", "/api/workflow/management/terminate", Role.OPERATOR, terminate,
        "End a run at once", ControlBody,
    ),
    Endpoint(
        "GET", "/api/workflow/runs", Role.VIEWER, list_runs, "List runs", None, ListRunsQuery
    ),
)  # fmt: skip
