"""The inbox over HTTP: list, claim, release, delegate. Questions are answered by a resume."""

from starlette.responses import Response

from app.auth.roles import Role
from app.execution.commands.pause_commands import PauseChange, Verb
from app.web.api.executions import status_of
from app.web.endpoint import Call, Endpoint
from app.web.json_answer import json_answer
from app.wire.inbox import found_pauses, pause_line
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import ClaimBody, DelegateBody, InboxQuery, checked
from app.wire.runs.pauses_below import asking_below
from engine import Json, JsonObject
from steps.language.beside import is_long


async def list_inbox(call: Call) -> Response:
    """List the questions that wait for the caller: nearest deadline first, then newest."""
    query = call.query(InboxQuery)
    rows, following, captions = await found_pauses(
        call.services.journal, call.tenant, query, call.caller, query.limit
    )

    def document() -> JsonObject:
        pauses: list[Json] = [pause_line(row, captions, call.caller) for row in rows]
        return {"pauses": pauses, "nextCursor": following}

    asked = (row.pause.body for row in rows if row.pause)
    return await json_answer(document, is_long=is_long(asked))


async def claim_pause(call: Call) -> Response:
    """Claim a question: nobody else can answer it until it is released."""
    return await _changed(call, "claim", ClaimBody)


async def unclaim_pause(call: Call) -> Response:
    """Release a question so that others can answer it."""
    return await _changed(call, "unclaim", ClaimBody)


async def delegate_pause(call: Call) -> Response:
    """Assign a question to somebody else."""
    return await _changed(call, "delegate", DelegateBody)


async def _changed(call: Call, verb: Verb, model: type[ClaimBody]) -> Response:
    needed = model is DelegateBody
    sent = await json_body(call.request, call.services.settings, required=needed)
    body = checked(model, sent)
    services, run_id = call.services, call.path("runId")
    if body.pauseId is not None:
        run = await services.runs.read(call.tenant, run_id)
        run_id = await asking_below(services.journal, call.tenant, run, body.pauseId)
    to = body.to if isinstance(body, DelegateBody) else ""
    wanted = PauseChange(verb, call.caller, body.pauseId, to, body.comment or "")
    run = await services.pauses.change(call.tenant, run_id, wanted)
    return await status_of(call, run)


ENDPOINTS = (
    Endpoint(
        "GET", "/api/workflow/inbox", Role.VIEWER, list_inbox, "List the questions that wait for "
            "people",
        None, InboxQuery,
    ),
    Endpoint(
        "POST", "/api/workflow/claim/{runId}", Role.OPERATOR, claim_pause,
        "Claim a question", ClaimBody, needs_body=False,
    ),
    Endpoint(
        "POST", "/api/workflow/unclaim/{runId}", Role.OPERATOR, unclaim_pause,
        "Release a claimed question", ClaimBody, needs_body=False,
    ),
    Endpoint(
        "POST", "/api/workflow/delegate/{runId}", Role.OPERATOR, delegate_pause,
        "Delegate a question", DelegateBody,
    ),
)  # fmt: skip
