"""The addresses of triggers, open to anybody who knows one.

An unknown address costs one lookup in memory. A known one has its own rate limit, which is applied
before anything is read, and its answer is computed in its tenant's turns.
"""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from app.auth.caller import Caller
from app.auth.roles import Role
from app.concurrency.tenant import work_for
from app.execution.live.waiters import is_settled
from app.services import Services
from app.triggers.arrived import Arrived
from app.triggers.keyed_starts import StartRefused
from app.triggers.receiving import NotReady, Receipt, new_request_id
from app.triggers.trigger_document import RequestTrigger
from app.web.api.starts import waited_for
from app.web.api.triggers import receipt_document
from app.web.connections import caller_is_known
from app.web.endpoint import Call
from app.web.errors import error_response, log_if_unknown
from app.web.json_answer import JsonAnswer, as_json
from app.wire.parsing.errors import NotAllowedHere, NotFoundHere
from app.wire.parsing.fields import fields_of
from app.wire.parsing.json_body import declared_size, read_body
from engine import JsonObject, Run, Status
from journal import TriggerRow, UnknownRun
from steps.http.run_answer import RECORD, has_no_body

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_WAIT_S = 30.0
_SMALL_BYTES = 64 * 1024
_SEALED_OFF = {
    "content-security-policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}
"""Sent with every answer of a workflow, so that it cannot access pages of this server."""


async def incoming(request: Request, services: Services) -> Response:
    """Handle a request to the address of a trigger."""
    request_id: str = request.scope["stepwell.request_id"]
    try:
        row = await services.triggers.kept.found(str(request.path_params["token"]))
        if row is None or row.kind != "request":
            raise NotFoundHere("there is nothing at this address")
        work_for(row.tenant)
        return await services.fair_loop.run(row.tenant, _taken(request, services, row))
    except Exception as failure:  # noqa: BLE001 - every failure is an answer
        log_if_unknown(request_id, failure)
        return error_response(failure, request_id)


async def _taken(request: Request, services: Services, row: TriggerRow) -> Response:
    trigger = services.triggers.kept.compiled.of(row)
    body = trigger.body
    services.rate_limits.check_open(f"{row.tenant}:{row.source}", body.perSecond)
    if not body.enabled:
        raise NotReady
    if request.method not in body.methods:
        raise NotAllowedHere(sorted(body.methods))
    settings = services.settings
    largest = min(body.maxBytes, max(settings.max_body_bytes, settings.max_attachment_bytes))
    size = min(declared_size(request, settings), largest)
    if size > _SMALL_BYTES:
        with services.admission.starting(row.tenant, size):
            content = await read_body(request, largest, settings.body_timeout)
    else:
        content = await read_body(request, largest, settings.body_timeout)
    caller_is_known(request.scope, row.tenant)
    fields = fields_of(request.scope)
    arrived = Arrived(
        new_request_id(),
        services.clock.now_ms(),
        request.method,
        request.scope["query_string"].decode("latin-1"),
        dict(fields.items()),
        frozenset(fields.repeated),
        content,
    )
    try:
        receipt = await services.triggers.receiving.receive(trigger, arrived, largest)
    except StartRefused as refused:
        if any(not problem.path.startswith("data") for problem in refused.problems):
            raise NotReady from refused  # the reason is for its owner, not for the sender
        raise
    return await _answer(request, services, row, body, receipt)


async def _answer(
    request: Request, services: Services, row: TriggerRow, body: RequestTrigger, receipt: Receipt
) -> Response:
    if receipt.answer is not None:
        return Response(receipt.answer, media_type="text/plain", headers=_SEALED_OFF)
    if body.respond == "result" and receipt.run_id is not None:
        limit_s = min(
            services.settings.sync_wait_limit,
            _WAIT_S if body.wait is None else body.wait / 1_000,
        )
        run = await _ended(request, services, row, receipt.run_id, limit_s)
        if run is not None and run.is_over:
            return _of_run(run)
    elif body.respond == "204":
        return Response(status_code=204)
    return JsonAnswer(receipt_document(receipt), 200 if body.respond == "200" else 202)


async def _ended(
    request: Request, services: Services, row: TriggerRow, run_id: str, limit_s: float
) -> Run | None:
    """Return the run of a request once it ends or pauses, or its state when the wait times out."""
    call = Call(request, services, Caller(row.tenant, Role.OPERATOR, row.source))
    try:
        run = await services.runs.read(row.tenant, run_id)
        if is_settled(run):
            return run
        outcome: asyncio.Future[Run] = await services.runs.expect(row.tenant, run_id)
        return await waited_for(call, run, outcome, limit_s)
    except UnknownRun:
        return None  # it has ended and was deleted


def _of_run(run: Run) -> Response:
    """Return the answer of an ended run: the one its end-flow step gives, else its result."""
    if run.status is not Status.COMPLETED:
        is_failed = run.status is Status.FAILED
        document: JsonObject = {
            "error": "Run failed",
            "message": "the run has failed" if is_failed else f"the run was {run.status}",
            "runId": run.id,
        }
        return JsonAnswer(document, 500)
    record = run.history[-1].records.get(RECORD) if run.history else None
    said = record.value if record else None
    if not isinstance(said, dict):
        return JsonAnswer(run.result)
    status, headers = said.get("status"), said.get("headers")
    code = status if isinstance(status, int) else 200
    fields = headers if isinstance(headers, dict) else {}
    value = said.get("body", run.result)
    content: str | bytes = value if isinstance(value, str) else as_json(value)
    kind = "text/plain; charset=utf-8" if isinstance(value, str) else "application/json"
    if has_no_body(code):
        return Response(status_code=code, headers={**_texts(fields), **_SEALED_OFF})
    return Response(content, code, {"content-type": kind, **_texts(fields), **_SEALED_OFF})


def _texts(fields: JsonObject) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items()}
