"""Commands for many runs: stop, delete, repair, rerun; and the deletion of one run."""

from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.execution.commands.deletion import delete_whole
from app.web.endpoint import Call, Endpoint
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import BulkBody, checked
from app.wire.runs.bulk import command_of, matched_document, outcome_document


async def bulk(call: Call) -> Response:
    """Apply a command to the runs that a filter selects, a limited number per call."""
    body = checked(BulkBody, await json_body(call.request, call.services.settings))
    if body.action == "delete":
        call.caller.require(Role.OWNER)
    command = command_of(body)
    bulk = call.services.bulk
    if body.dryRun:
        matched = await bulk.count(call.tenant, command)
        return JSONResponse(matched_document(body.action, matched))
    outcome = await bulk.perform(call.tenant, command, call.caller)
    return JSONResponse(outcome_document(body.action, outcome))


async def delete_run(call: Call) -> Response:
    """Delete an ended run with its child runs."""
    run_id = call.path("runId")
    count = await delete_whole(call.services.journal, call.tenant, run_id)
    return JSONResponse({"success": True, "runId": run_id, "deletedRuns": count})


ENDPOINTS = (
    Endpoint(
        "POST", "/api/workflow/management/bulk", Role.OPERATOR, bulk,
        "Stop, delete, repair or rerun many runs", BulkBody,
    ),
    Endpoint(
        "DELETE", "/api/workflow/runs/{runId}", Role.OWNER, delete_run,
        "Delete an ended run",
    ),
)  # fmt: skip
