"""Running a run again from one of its steps."""

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.concurrency.offload import offload
from app.execution.reruns import DoneEarlier, NotOver, entered, rerun, with_calls
from app.web.endpoint import Call, Endpoint
from app.wire.bodies import checked
from app.wire.errors import IdempotencyMismatch, StartedAndDeleted
from app.wire.idempotency import idempotency_key
from app.wire.json_body import json_body
from engine import fold
from journal import DuplicateStart, IdempotencyKey


class RerunBody(BaseModel):
    """From where a run is run again, and what is different."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    stepId: str = Field(max_length=200, description="a step that the run has entered")  # noqa: N815
    visit: int | None = Field(
        None, ge=1, strict=True, description="which time; the last without it"
    )
    data: dict[str, Any] = Field(
        {}, description="fields that replace those with which the run entered the step"
    )
    keepCalls: bool = Field(  # noqa: N815
        False,
        strict=True,
        description="whether the calls that the step had finished stand, so that an agent goes on "
        "from its last answer",
    )


async def rerun_run(call: Call) -> Response:
    """Start a new run from a step of one that has ended; answers at once."""
    services, run_id = call.services, call.path("runId")
    key = idempotency_key(call.request)
    _, events = await services.journal.events.read(run_id, call.tenant)
    body = checked(RerunBody, await json_body(call.request, services.settings))
    run = await offload(lambda: fold(events))
    if not run.is_over:
        raise NotOver(run.id, run.status.value)
    try:
        before = await offload(lambda: entered(events, body.stepId, body.visit))
    except DoneEarlier as elsewhere:
        is_there = await services.journal.runs.known(call.tenant, [elsewhere.run_id])
        raise elsewhere.refusal(is_deleted=not is_there) from elsewhere
    definition = await services.workflows.pinned(
        call.tenant, run.workflow_id, run.version, run.body
    )
    idempotency = IdempotencyKey(key, _fingerprint(run_id, body)) if key else None
    new = rerun(call.tenant, before, body.stepId, body.data, definition, call.caller, idempotency)
    if body.keepCalls:
        new = await offload(lambda: with_calls(new, events, before))
    try:
        with services.admission.starting(call.tenant, 0):
            started, _ = await services.runs.start(new, wait=False)
    except DuplicateStart as duplicate:
        if not duplicate.same:
            raise IdempotencyMismatch(duplicate.run_id) from duplicate
        if not await services.journal.runs.known(call.tenant, [duplicate.run_id]):
            raise StartedAndDeleted(duplicate.run_id) from duplicate
        return JSONResponse({"runId": duplicate.run_id})
    return JSONResponse({"runId": started.id})


def _fingerprint(run_id: str, body: RerunBody) -> str:
    # Without the field as before there was one, so that an older request is known again.
    asked = ["rerun", run_id, body.model_dump(exclude=None if body.keepCalls else {"keepCalls"})]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


ENDPOINTS = (
    Endpoint(
        "POST", "/api/workflow/rerun/{runId}", Role.OPERATOR, rerun_run,
        "Run a run again from a step", RerunBody, headers=("Idempotency-Key",),
    ),
)  # fmt: skip
