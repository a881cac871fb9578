"""Direct calls: an agent in a run of its own, a tool at once."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.definitions.invocations import invocation_id
from app.events.sse import delta_frame
from app.execution.live.waiters import is_settled
from app.execution.starting.new_run import NewRun
from app.llm.embeddings import Embedded
from app.llm.prices import estimate_texts
from app.spending.spending import Asker
from app.web.api.starts import wait_limit, waited_for
from app.web.endpoint import Call, Endpoint
from app.web.event_stream import EventStream
from app.wire.parsing.errors import BadRequest, ToolNotFound
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import checked
from app.wire.runs.document import outcome_document
from engine import Json, JsonObject, Run, iso_time
from journal import Archived
from steps.contract.step_type import StepBroke
from steps.effects.effects import ToolContext

_OUTSIDE = "invoke"
"""The run and step that tools receive when no run calls them."""


class InvokeAgentBody(BaseModel):
    """The question for an agent."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    message: str = Field(min_length=1, max_length=1_000_000, description="the question")
    dataContext: dict[str, Any] = Field(  # noqa: N815 - the product's word
        {},
        description="the value of `context` in expressions; claims of a signed token take "
        "precedence",
    )
    threadId: str | None = Field(  # noqa: N815
        None,
        min_length=1,
        max_length=200,
        description="the thread to continue; without it, a new one",
    )
    version: str | None = Field(None, max_length=100, description="latest, published, or a number")


class InvokeToolBody(BaseModel):
    """The arguments for a tool."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    args: dict[str, Any] = Field({}, description="its arguments")


async def invoke_agent(call: Call) -> Response:
    """Ask an agent, and wait for its result."""
    services = call.services
    # A missing agent is reported before problems in the body.
    await services.agents.chosen(call.tenant, call.path("id"), None)
    body = checked(InvokeAgentBody, await json_body(call.request, services.settings))
    row = await services.agents.chosen(call.tenant, call.path("id"), body.version)
    if row.archived:
        raise Archived("agent", row.id)
    thread_id = body.threadId or f"invoke-{uuid4()}"
    workflow_id = invocation_id(row.id)
    new = NewRun(
        call.tenant,
        workflow_id,
        row.version,
        await services.workflows.pinned(call.tenant, workflow_id, row.version),
        {"message": body.message, "threadId": thread_id},
        call.caller.name,
        {**body.dataContext, **call.caller.context},
    )
    streams = _wants_events(call)
    if streams:
        services.streams.require_place(call.tenant)
    with services.admission.starting(call.tenant, 0):
        run, outcome = await services.runs.start(new, wait=True)
    if streams:
        text = _events(call, run, outcome, thread_id)
        stall_s = services.settings.event_stall
        return EventStream(text, services.streams, call.tenant, stall_s)
    if outcome is not None:
        run = await waited_for(call, run, outcome, wait_limit(call))
    return JSONResponse(_outcome(run, thread_id), 200 if is_settled(run) else 202)


def _wants_events(call: Call) -> bool:
    return "text/event-stream" in call.request.headers.get("accept", "")


async def _events(
    call: Call, run: Run, outcome: asyncio.Future[Run] | None, thread_id: str
) -> AsyncGenerator[str, None]:
    """Yield the run's events as text, including pieces of answers, and then the result."""
    streams = call.services.streams
    text = streams.of_run(call.tenant, run.id, 0, lambda: True, outcome, has_deltas=True)
    async for part in text:
        yield part
    if outcome is not None and not outcome.done():
        return  # the server stops; the client has to ask for the run
    ended = run if outcome is None else outcome.result()
    yield delta_frame({"type": "agent.outcome", **_outcome(ended, thread_id)})


def _outcome(run: Run, thread_id: str) -> JsonObject:
    document = {**outcome_document(run), "data": _delivered(run), "threadId": thread_id}
    document.pop("result")
    return document


def _delivered(run: Run) -> Json:
    return run.result.get("data") if isinstance(run.result, dict) else None


async def invoke_tool(call: Call) -> Response:
    """Call a tool once and answer with its result; nothing is written to the journal."""
    services = call.services
    body = checked(InvokeToolBody, await json_body(call.request, services.settings, required=False))
    key = call.request.headers.get("idempotency-key") or str(uuid4())
    context = ToolContext(
        run_id=_OUTSIDE,
        step_id=_OUTSIDE,
        attempt=1,
        idempotency_key=key,
        file=partial(services.files.read_for_step, call.tenant),
        tenant=call.tenant,
        save=partial(services.files.save, call.tenant, key),
        store=partial(services.store.call, call.tenant, key),
        knowledge=partial(services.knowledge.call, call.tenant, embed=partial(_embed, call)),
    )
    try:
        result = await services.tools.call(call.path("id"), body.args, lambda: context)
    except StepBroke as broke:
        error: JsonObject = {"type": broke.error.type, "message": broke.error.message}
        masked: Any = await services.secrets.mask(call.tenant, error)
        if refusal := _REFUSED.get(broke.error.type):
            raise refusal(masked["message"]) from broke
        return JSONResponse({"success": False, "error": masked})
    data = await services.secrets.mask(call.tenant, result)
    return JSONResponse({"success": True, "data": data})


async def _embed(call: Call, name: str, texts: Sequence[str]) -> Embedded:
    """Return the vectors of texts, within the tenant's budget. Raises `StepBroke`."""
    services, tenant = call.services, call.tenant
    model = await services.models.named(tenant, name)
    owner = tenant if model.source == "tenant" else ""
    async with services.model_turns.turn(
        owner, model.name, model.settings, tenant, holds_turn=False
    ):
        return await services.spending.spend(
            Asker(tenant, "", 0, ""),
            "",
            estimate_texts(model.name, model.settings, texts),
            lambda: services.models.embed(tenant, model, texts),
        )


_REFUSED: Mapping[str, type[Exception]] = {
    "UnknownTool": ToolNotFound,
    "InvalidToolInput": BadRequest,
}
"""Failures caused by the caller, rather than results of the call."""


async def show_thread(call: Call) -> Response:
    """Show the messages of a thread."""
    threads = call.services.journal.threads
    row = await threads.get(call.tenant, call.path("threadId"))
    said = await threads.exchanges(call.tenant, row.id, row.length)
    return JSONResponse(
        {
            "threadId": row.id,
            "agentId": row.agent_id,
            "createdAt": iso_time(row.created_at_ms),
            "updatedAt": iso_time(row.updated_at_ms),
            "exchanges": [
                {
                    "number": one.number,
                    "runId": one.run_id,
                    "message": one.message,
                    "answer": one.answer,
                    "at": iso_time(one.at_ms),
                }
                for one in said
            ],
        }
    )


async def delete_thread(call: Call) -> Response:
    """Delete a thread with all its messages."""
    await call.services.journal.threads.delete(call.tenant, call.path("threadId"))
    return JSONResponse({"success": True, "id": call.path("threadId")})


ENDPOINTS = (
    Endpoint(
        "POST", "/api/agents/{id}/invoke", Role.OPERATOR, invoke_agent, "Ask an agent",
        InvokeAgentBody, answers=(200, 202),
    ),
    Endpoint(
        "POST", "/api/tools/{id}/invoke", Role.OPERATOR, invoke_tool, "Call a tool",
        InvokeToolBody,
    ),
    Endpoint("GET", "/api/threads/{threadId}", Role.VIEWER, show_thread, "Show a conversation"),
    Endpoint(
        "DELETE", "/api/threads/{threadId}", Role.OPERATOR, delete_thread, "Forget a conversation"
    ),
)  # fmt: skip
