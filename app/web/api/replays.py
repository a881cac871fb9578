"""Replays visits of recorded runs, with another version of the agent or another model."""

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.auth.roles import Role
from app.concurrency.offload import offload
from app.definitions.replays import Replay, is_replay, replay_id
from app.execution.commands.replays import compared, replay_run, visit_to_replay
from app.execution.commands.rerunning import refusal_of
from app.execution.commands.reruns import DoneEarlier, entered
from app.web.endpoint import Call, Endpoint
from app.web.json_answer import json_answer
from app.wire.parsing.errors import BadRequest, NotFoundHere
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import checked
from engine import Run, Visit, fold
from steps.contract.step_type import Problem


class ReplayBody(BaseModel):
    """Which visit of a run to replay, and what to replace."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    stepId: str | None = Field(  # noqa: N815
        None, max_length=200, description="a call-agent or call-llm step; by default the last one"
    )
    visit: int | None = Field(
        None, ge=1, strict=True, description="which visit of the step; by default the last one"
    )
    agentVersion: str | None = Field(  # noqa: N815
        None,
        min_length=1,
        max_length=100,
        description="latest, published or a number; by default the version of the recorded visit",
    )
    model: str | None = Field(
        None, pattern=r"^[A-Za-z0-9._]([A-Za-z0-9._-]{0,63})$", description="a model instead"
    )


async def replay_visit(call: Call) -> Response:
    """Replay a visit in a run of its own; calls get their recorded answers. Answers at once."""
    services, run_id = call.services, call.path("runId")
    _, events = await services.journal.events.read(run_id, call.tenant)
    body = checked(ReplayBody, await json_body(call.request, services.settings, required=False))
    run = await offload(lambda: fold(events))
    try:
        visit = visit_to_replay(run, body.stepId, body.visit)
    except DoneEarlier as elsewhere:
        raise await refusal_of(services.journal, call.tenant, elsewhere) from elsewhere
    before = await offload(lambda: entered(events, visit.step_id, visit.visit))
    of = await services.workflows.pinned(call.tenant, run.workflow_id, run.version)
    if of.sensitive:
        message = "its workflow has sensitive fields, which are not passed to another run"
        raise BadRequest("the run cannot be replayed", [Problem("runId", message)])
    version = await _agent_version(call, visit, body.agentVersion)
    replay = Replay(run.id, visit.step_id, visit.visit, version, body.model or "")
    definition = await services.workflows.pinned(
        call.tenant, replay_id(run.workflow_id), replay.to_version()
    )
    new = replay_run(call.tenant, before, replay, definition, call.caller.name)
    with services.admission.starting(call.tenant, 0):
        started, _ = await services.runs.start(new, wait=False)
    return await json_answer(lambda: {"runId": started.id}, is_long=False)


async def _agent_version(call: Call, visit: Visit, wanted: str | None) -> str:
    """Return the number of the agent's version; empty if the step has no agent."""
    begun = visit.records.get("agent")
    if begun is None or not isinstance(begun.value, dict):
        if wanted is None:
            return ""
        message = "no agent worked in this visit"
        raise BadRequest("the run cannot be replayed", [Problem("agentVersion", message)])
    agent = begun.value["agent"]
    assert isinstance(agent, dict)  # noqa: S101 - written by the step
    if wanted is None:
        return str(agent["version"])
    row = await call.services.agents.chosen(call.tenant, str(agent["id"]), wanted)
    return row.version


async def show_replay(call: Call) -> Response:
    """Show the result of a replay next to its original."""
    run = await call.services.runs.read(call.tenant, call.path("runId"))
    if not is_replay(run.workflow_id):
        raise NotFoundHere(f"run {run.id} is not a replay")
    before, after, replay = await visits_of(call, run)
    return await json_answer(lambda: compared(before, after, replay, run), is_long=True)


async def visits_of(call: Call, run: Run) -> tuple[Visit, Visit | None, Replay]:
    """Return the replayed visit, its replay, and the differences. Raises `UnknownRun`."""
    replay = Replay.from_version(run.version)
    _, recorded = await call.services.journal.events.run(replay.run_id, call.tenant)
    before = visit_to_replay(recorded, replay.step_id, replay.visit)
    after = next((one for one in run.history if one.step_id == replay.step_id), None)
    return before, after, replay


ENDPOINTS = (
    Endpoint(
        "POST", "/api/workflow/replay/{runId}", Role.OPERATOR, replay_visit,
        "Replay a visit of a run", ReplayBody,
    ),
    Endpoint(
        "GET", "/api/workflow/replay/{runId}", Role.VIEWER, show_replay, "Compare a replay",
    ),
)  # fmt: skip
