"""Starts a run, with or without waiting for its outcome."""

import asyncio
import re
from typing import TypeAlias

from starlette.responses import Response

from app.auth.roles import Role
from app.execution.live.waiters import is_settled
from app.execution.starting.new_run import NewRun
from app.telemetry.traces import HEADER, with_trace
from app.web.connections import leave_with_client
from app.web.endpoint import Call, Endpoint
from app.web.json_answer import JsonAnswer
from app.wire.forms.bodies import StartForm
from app.wire.parsing.errors import IdempotencyMismatch, StartedAndDeleted
from app.wire.parsing.idempotency import idempotency_key
from app.wire.parsing.json_body import declared_size
from app.wire.requests.bodies import StartBody, StartQuery
from app.wire.requests.start_request import StartRequest
from app.wire.runs.document import outcome_document
from app.wire.runs.pauses_below import pauses_below
from engine import JsonObject, Run
from journal import DuplicateStart, UnknownRun, UsedKey, VersionRow
from steps.document.compiled import Definition

Startable: TypeAlias = tuple[VersionRow, Definition]
"""A version of a workflow, and its compiled definition."""

_WAIT = re.compile(r"\bwait=(\d{1,9})\b")


async def start(call: Call) -> Response:
    """Start a run and wait until it ends or pauses, or the wait times out."""
    limit_s = wait_limit(call)
    run, outcome = await _start(call, wait=True)
    if outcome is not None:
        run = await waited_for(call, run, outcome, limit_s)
    pauses = [] if run.is_over else await pauses_below(call.services.journal, run)
    return JsonAnswer(outcome_document(run, pauses), 200 if is_settled(run) else 202)


async def waited_for(call: Call, run: Run, outcome: "asyncio.Future[Run]", limit_s: float) -> Run:
    """Return the run once it ends or pauses, or its state when the wait times out."""
    waiting = leave_with_client(call.request, outcome)
    over = call.services.late_calls.later(limit_s, outcome.cancel)
    try:
        return await outcome
    except asyncio.CancelledError:
        if not outcome.done() or outcome.cancelled():
            return await call.services.runs.stored(call.tenant, run.id)
        return outcome.result()  # it arrived just as the wait ended
    finally:
        over.cancel()
        if waiting is not None:
            waiting.discard(outcome)


async def start_async(call: Call) -> Response:
    """Start a run and answer at once."""
    run, _ = await _start(call, wait=False)
    return JsonAnswer({"runId": run.id})


async def _start(call: Call, *, wait: bool) -> tuple[Run, asyncio.Future[Run] | None]:
    services, size = call.services, declared_size(call.request, call.services.settings)
    with services.admission.starting(call.tenant, size):
        try:
            asked, used, found = await _asked(call)
            if used is None and asked.key and asked.form:
                # A simultaneous repeat of the request must not store its files again.
                async with services.storing.of("start", call.tenant, asked.key):
                    used = await services.journal.start_keys.used(call.tenant, asked.key)
                    new = await _new_run(call, asked, used, found)
                    return await services.runs.start(new, wait=wait)
            return await services.runs.start(await _new_run(call, asked, used, found), wait=wait)
        except DuplicateStart as duplicate:
            if not duplicate.same:
                raise IdempotencyMismatch(duplicate.run_id) from duplicate
            try:
                run = await services.runs.read(call.tenant, duplicate.run_id)
                return run, await services.runs.expect(call.tenant, run.id) if wait else None
            except UnknownRun:
                raise StartedAndDeleted(duplicate.run_id) from duplicate


async def _asked(call: Call) -> tuple[StartRequest, UsedKey | None, Startable | None]:
    """Return the request, the run that its key has started before, and the version it starts.

    The last is None if it has yet to be looked up.
    """
    services, tenant, workflow_id = call.services, call.tenant, call.path("workflowId")
    query = call.query(StartQuery)
    key = idempotency_key(call.request)
    used = await services.journal.start_keys.used(tenant, key) if key else None
    found, changes = None, services.workflows.changes
    if used is None:
        # A workflow that cannot be started is refused before a long body is read.
        found = await services.workflows.startable(tenant, workflow_id, query.version)
    asked = await StartRequest.read(call.request, services.settings, workflow_id, query, key)
    holds = asked.selector == query.version and changes == services.workflows.changes
    return asked, used, found if holds else None


async def _new_run(
    call: Call, asked: StartRequest, used: UsedKey | None, found: Startable | None
) -> NewRun:
    """Check the request against the version that it starts, and store its files.

    Raises `DuplicateStart` for a used key: the answer is its run, whatever has become of the
    workflow.
    """
    services = call.services
    if used and asked.idempotency:
        same = asked.idempotency.fingerprint == used.fingerprint
        raise DuplicateStart(used.run_id, same=same)
    row, definition = found or await services.workflows.startable(
        call.tenant, asked.workflow_id, asked.selector
    )
    data = await asked.input_of(definition, services.files, call.tenant)
    if asked.form is not None:
        data |= await asked.store_files(services.files, call.tenant, definition)
    return NewRun(
        call.tenant,
        row.id,
        row.version,
        definition,
        data,
        call.caller.name,
        _context(call),
        asked.idempotency,
        size=asked.size,
    )


def _context(call: Call) -> JsonObject:
    """Return the context that the caller sends, with the trace if traces are on."""
    context = dict(call.caller.context)
    sent = call.request.headers.get(HEADER)
    is_traced = call.services.settings.otlp_endpoint is not None
    return with_trace(context, sent) if is_traced and sent is not None else context


def wait_limit(call: Call) -> float:
    """Return how long to wait, in seconds: `Prefer: wait=N` (RFC 7240), limited."""
    limit = call.services.settings.sync_wait_limit
    prefer = call.request.headers.get("prefer")
    asked = _WAIT.search(prefer) if prefer else None
    return min(limit, int(asked[1])) if asked else limit


ENDPOINTS = (
    Endpoint(
        "POST", "/api/workflow/start/{workflowId}", Role.OPERATOR, start,
        "Start a run and wait for its outcome", StartBody, StartQuery, (200, 202),
        needs_body=False, form=StartForm, headers=("Idempotency-Key", "Prefer"),
    ),
    Endpoint(
        "POST", "/api/workflow/start-async/{workflowId}", Role.OPERATOR, start_async,
        "Start a run and answer at once", StartBody, StartQuery,
        needs_body=False, form=StartForm, headers=("Idempotency-Key",),
    ),
)  # fmt: skip
