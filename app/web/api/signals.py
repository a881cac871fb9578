"""Signals over HTTP, for runs that wait for them; and callback addresses of single steps."""

import json
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from app.auth.roles import Role
from app.concurrency.tenant import work_for
from app.execution.driving.signals import IDS_KEPT_MS, Sent
from app.services import Services
from app.triggers.keyed_starts import Target, checked_data
from app.web.endpoint import Call, Endpoint
from app.web.errors import error_response, log_if_unknown
from app.web.json_answer import JsonAnswer
from app.wire.parsing.errors import BadRequest
from app.wire.parsing.json_body import json_body, read_body
from app.wire.parsing.json_text import parse_json
from app.wire.requests.bodies import checked
from app.wire.requests.query_values import Whole
from app.wire.requests.signal_body import SignalBody, SignalStart
from engine import JsonObject, RunIsOver, iso_time
from journal import KeptSignal, NewSignal
from steps.contract.step_type import Problem
from steps.signal_names import CALLBACK

_LONGEST_DATA_BYTES = 256 * 1024
_CALLBACK_KEPT_MS = 30 * 86_400_000
_SHOWN = 100


class SignalsQuery(BaseModel):
    """How many signals to list."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    limit: Whole = Field(_SHOWN, ge=1, le=1_000)


async def send_signal(call: Call) -> Response:
    """Send a signal to the run that has waited longest for it, or to the first that will."""
    services = call.services
    body = checked(SignalBody, await json_body(call.request, services.settings))
    if len(json.dumps(body.data)) > _LONGEST_DATA_BYTES:
        problem = Problem("data", f"may have {_LONGEST_DATA_BYTES} bytes at most")
        raise BadRequest("the signal is not acceptable", [problem])
    now_ms = services.clock.now_ms()
    signal = NewSignal(
        body.name,
        body.key,
        body.data,
        now_ms,
        now_ms + body.keepFor,
        now_ms + IDS_KEPT_MS if body.id else now_ms,
        body.id,
        to_all=body.to == "all",
    )
    if body.start is not None:
        await _can_start(call, body.start)
    sent = await services.signals.send(call.tenant, signal)
    started = None
    if body.start is not None and sent.is_kept:
        started = await _start(call, body.start, body.id or uuid4().hex)
    return JsonAnswer(_sent(sent, started), 202)


async def _can_start(call: Call, start: SignalStart) -> None:
    """Check that the run can be started before the signal is stored. Raises `StartRefused`."""
    target = Target(call.tenant, start.workflowId, start.version)
    _, definition = await call.services.triggers.starts.definition(target)
    checked_data(definition, start.data)


async def _start(call: Call, start: SignalStart, signal_id: str) -> str:
    """Start the run that will take a signal, once for the signal's id; return its id."""
    target = Target(call.tenant, start.workflowId, start.version)
    key = f"signal:{signal_id}"
    starts = call.services.triggers.starts
    return (await starts.start(target, start.data, key, call.caller.name)).run_id


async def list_signals(call: Call) -> Response:
    """List the signals that no run has taken yet, sorted by name and key."""
    query = call.query(SignalsQuery)
    now_ms = call.services.clock.now_ms()
    rows = await call.services.journal.signals.kept(call.tenant, now_ms, query.limit)
    return JsonAnswer({"signals": [signal_document(row) for row in rows]})


async def callback(request: Request, services: Services) -> Response:
    """Accept the first request to the callback address of a step's visit."""
    request_id: str = request.scope["stepwell.request_id"]
    try:
        return await _called_back(request, services)
    except Exception as failure:  # noqa: BLE001 - every failure is an answer
        log_if_unknown(request_id, failure)
        return error_response(failure, request_id)


async def _called_back(request: Request, services: Services) -> Response:
    where = services.callbacks.read(str(request.path_params["token"]))
    work_for(where.tenant)
    services.rate_limits.check_open(where.key)
    body = await read_body(request, _LONGEST_DATA_BYTES, services.settings.body_timeout)
    data = parse_json(body) if body else None
    run = await services.runs.read(where.tenant, where.run_id)
    now_ms = services.clock.now_ms()
    signal = NewSignal(
        CALLBACK,
        where.key,
        data,
        now_ms,
        now_ms + _CALLBACK_KEPT_MS,
        now_ms + _CALLBACK_KEPT_MS,
        sender_id=f"{CALLBACK}:{where.key}",
        for_run=where.run_id,
    )
    known = await services.journal.signals.is_known(where.tenant, f"{CALLBACK}:{where.key}")
    if run.is_over and not known:
        raise RunIsOver("the run that this address belongs to has ended")
    sent = await services.signals.send(where.tenant, signal)
    return JsonAnswer({"accepted": sent.is_new}, 202 if sent.is_new else 200)


def _sent(sent: Sent, started: str | None) -> JsonObject:
    return {
        "deliveredTo": list(sent.delivered_to[:_SHOWN]),
        "kept": sent.is_kept,
        "duplicate": not sent.is_new,
        "startedRunId": started,
    }


def signal_document(row: KeptSignal) -> JsonObject:
    """Return a stored signal as JSON."""
    return {
        "name": row.name,
        "key": row.key,
        "data": row.data,
        "id": row.sender_id,
        "sentAt": iso_time(row.sent_at_ms),
        "keptUntil": iso_time(row.expires_at_ms),
    }


ENDPOINTS = (
    Endpoint(
        "POST", "/api/signals", Role.OPERATOR, send_signal, "Send a signal to runs that wait",
        SignalBody, answers=(202,),
    ),
    Endpoint(
        "GET", "/api/signals", Role.VIEWER, list_signals, "List signals that no run has taken",
        None, SignalsQuery,
    ),
)  # fmt: skip
