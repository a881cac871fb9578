"""Reruns a run from one of its steps."""

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.execution.commands.rerunning import Again, Rerun
from app.web.endpoint import Call, Endpoint
from app.wire.parsing.errors import BadRequest, IdempotencyMismatch, StartedAndDeleted
from app.wire.parsing.idempotency import idempotency_key
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import checked
from engine import JsonObject
from journal import DuplicateStart, IdempotencyKey
from steps.contract.step_type import Problem


class RerunBody(BaseModel):
    """Where a rerun begins, and what is different."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, defer_build=True, validate_by_name=True, validate_by_alias=True
    )

    stepId: str | None = Field(  # noqa: N815
        None,
        max_length=200,
        description="a step that the run has entered; by default as `from` says",
    )
    begin: Literal["failure", "start"] | None = Field(
        None,
        alias="from",
        description="instead of `stepId`: where the run failed or was stopped, or its beginning",
    )
    visit: int | None = Field(
        None, ge=1, strict=True, description="which visit of the step; by default the last one"
    )
    data: dict[str, Any] = Field(
        {}, description="fields that replace those with which the run entered the step"
    )
    keepCalls: bool = Field(  # noqa: N815
        False,
        strict=True,
        description="whether to keep finished calls of the step, so that an agent continues after "
        "its last answer",
    )
    version: str | None = Field(
        None, max_length=100, description="another version: a number, `latest` or `published`"
    )
    reason: str | None = Field(
        None, max_length=2_000, description="the reason, recorded in the history"
    )
    dryRun: bool = Field(  # noqa: N815
        False, strict=True, description="only show what would be different; start nothing"
    )


async def rerun_run(call: Call) -> Response:
    """Start a new run from a step of an ended one; answers at once."""
    services, run_id = call.services, call.path("runId")
    key = idempotency_key(call.request)
    await services.journal.events.run(run_id, call.tenant)
    body = checked(RerunBody, await json_body(call.request, services.settings))
    if body.stepId is None and body.begin is None:
        missing = Problem("stepId", "give a step, or `from`: failure or start")
        raise BadRequest("the request is not acceptable", [missing])
    idempotency = IdempotencyKey(key, _fingerprint(run_id, body)) if key else None
    again = Again(
        body.stepId,
        body.visit,
        body.begin or "failure",
        body.data,
        body.keepCalls,
        body.version,
        body.reason,
    )
    made = await services.reruns.prepare(call.tenant, run_id, again, call.caller, idempotency)
    differences = {} if body.version is None and not body.dryRun else _differences(made)
    if body.dryRun:
        return JSONResponse(differences)
    try:
        return JSONResponse({"runId": await services.reruns.start(made), **differences})
    except DuplicateStart as duplicate:
        if not duplicate.same:
            raise IdempotencyMismatch(duplicate.run_id) from duplicate
        if not await services.journal.runs.known(call.tenant, [duplicate.run_id]):
            raise StartedAndDeleted(duplicate.run_id) from duplicate
        return JSONResponse({"runId": duplicate.run_id, **differences})


def _differences(made: Rerun) -> JsonObject:
    """Return what differs in the version of a rerun."""
    assert made.new.beginning is not None  # noqa: S101 - it is a rerun
    return {
        "version": made.new.version,
        "stepId": made.new.beginning.origin.step_id,
        "changedSteps": [
            {"stepId": one.step_id, "change": one.change, "done": one.step_id in made.done}
            for one in made.changed
        ],
        "changedBesides": [*made.changed_besides],
    }


def _fingerprint(run_id: str, body: RerunBody) -> str:
    # Left out if empty, so that requests made before the fields existed are recognized.
    newer = {"begin", "version", "reason", "dryRun"} | (set() if body.keepCalls else {"keepCalls"})
    kept = {name for name in newer if getattr(body, name) == RerunBody.model_fields[name].default}
    asked = ["rerun", run_id, body.model_dump(exclude=kept)]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


ENDPOINTS = (
    Endpoint(
        "POST", "/api/workflow/rerun/{runId}", Role.OPERATOR, rerun_run,
        "Rerun a run from a step", RerunBody, headers=("Idempotency-Key",),
    ),
)  # fmt: skip
