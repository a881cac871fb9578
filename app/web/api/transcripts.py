"""The conversations of a run's models, for callers who may read them."""

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.auth.roles import Role
from app.definitions.versioned import DefinitionUnusable
from app.web.endpoint import Call, Endpoint
from app.web.json_answer import json_answer
from app.wire.parsing.errors import BadRequest, NotFoundHere
from app.wire.requests.query_values import Whole
from app.wire.runs.transcript import transcript
from engine import Run
from steps.contract.step_type import Problem
from steps.language.nearest import did_you_mean

_LONG = 50


class TranscriptQuery(BaseModel):
    """Which conversations of a run to show."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    stepId: str | None = Field(None, max_length=200, description="only those of one step")  # noqa: N815
    visit: Whole | None = Field(None, ge=1, description="only those of one visit; by default all")


async def show_transcript(call: Call) -> Response:
    """Show questions and answers of models, results of tools, and decisions of people."""
    if not call.services.settings.transcripts:
        raise NotFoundHere("transcripts are hidden on this server (setting transcripts)")
    query = call.query(TranscriptQuery)
    run = await call.services.runs.read(call.tenant, call.path("runId"))
    if query.stepId is not None and all(visit.step_id != query.stepId for visit in run.history):
        await _must_have(call, run, query.stepId)
    records = sum(len(visit.records) for visit in run.history)
    return await json_answer(
        lambda: transcript(run, query.stepId, query.visit), is_long=records > _LONG
    )


async def _must_have(call: Call, run: Run, step_id: str) -> None:
    """Raise `BadRequest` if a run's definition has no such step."""
    meant = (call.tenant, run.workflow_id, run.version, run.body)
    try:
        definition = await call.services.workflows.pinned(*meant)
    except DefinitionUnusable:
        return  # nobody can say which steps it has
    if step_id not in definition.steps:
        message = f"run {run.id} has no step {step_id}{did_you_mean(step_id, definition.steps)}"
        raise BadRequest("the request is not acceptable", [Problem("stepId", message)])


ENDPOINTS = (
    Endpoint(
        "GET", "/api/workflow/runs/{runId}/transcript", Role.VIEWER, show_transcript,
        "Show a run's conversations", None, TranscriptQuery,
    ),
)  # fmt: skip
