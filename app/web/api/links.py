"""Creates links for people without an account."""

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.auth.links import MADE_BY
from app.auth.roles import Role
from app.execution.answering.answers import asked_child
from app.execution.answering.entitlement import must_be_allowed, needs_sign_in
from app.web.endpoint import Call, Endpoint
from app.wire.parsing.errors import BadRequest
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import checked
from app.wire.requests.names import Name
from app.wire.runs.pauses_below import asking_below
from engine import JsonObject, Run, iso_time
from steps.contract.step_type import Problem
from steps.language.durations import Duration

_LONGEST_MS = 90 * 86_400_000


class LinkBody(BaseModel):
    """Which pause the link answers, for whom it is, and how long it is valid."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    pauseId: str | None = Field(  # noqa: N815
        None,
        max_length=200,
        description="the pause, as `pauseSignal` names it; without it, the open one",
    )
    name: Name = Field("", description="the person; the history names them as `link:...`")
    expiresIn: Duration = Field(  # noqa: N815
        7 * 86_400_000,
        gt=0,
        le=_LONGEST_MS,
        description="how long it is valid, such as `7d`; 90 days at most",
    )


async def create_link(call: Call) -> Response:
    """Create a link to the pause of a run, or of the child run that it waits for."""
    body = checked(LinkBody, await json_body(call.request, call.services.settings, required=False))
    services = call.services
    run = await _asking(call, body.pauseId)
    if run.pause is not None:
        must_be_allowed(run.pause.body, call.caller)
        if needs_sign_in(run.pause.body):
            message = "has to know who answers, which a link cannot tell: let them sign in instead"
            raise BadRequest("the request is not acceptable", [Problem("runId", message)])
    until_ms = services.clock.now_ms() + body.expiresIn
    name = body.name or f"{MADE_BY}{call.caller.name}"
    link, token = services.links.make(call.tenant, run, name, until_ms)
    base = services.settings.public_url or own_address(call.request)
    return JSONResponse(
        {
            "url": f"{base}/answer/{token}",
            "runId": link.run_id,
            "stepId": link.step_id,
            "visit": link.visit,
            "expiresAt": iso_time(until_ms),
        },
        201,
    )


async def _asking(call: Call, pause_id: str | None) -> Run:
    """Return the run that asks: the one of the address, or a child run. Raises `NotPaused`."""
    services = call.services
    run = await services.runs.read(call.tenant, call.path("runId"))
    meant: JsonObject = {}
    if pause_id is not None:
        meant = {"pauseId": pause_id}
        below = await asking_below(services.journal, call.tenant, run, pause_id)
        run = run if below == run.id else await services.runs.read(call.tenant, below)
    while (child := asked_child(run, meant)) is not None:
        run = await services.runs.read(call.tenant, child)
    return run


def own_address(request: Request) -> str:
    """Return the address under which the request arrived.

    It must not come from the caller's Host header, because the link is sent to somebody else.
    """
    host, port = request.scope["server"]
    return f"{request.url.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


ENDPOINTS = (
    Endpoint(
        "POST", "/api/workflow/links/{runId}", Role.OPERATOR, create_link,
        "Create a link that answers a pause", LinkBody, answers=(201,), needs_body=False,
    ),
)  # fmt: skip
