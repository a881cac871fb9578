"""Explains where a value of a run came from, and what it influenced."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.auth.roles import Role
from app.concurrency.offload import offload
from app.services import Services
from app.web.endpoint import Call, Endpoint
from app.web.json_answer import JsonAnswer
from app.wire.requests.query_values import Whole
from app.wire.runs.explanation import explained
from engine import Event, JsonObject, RunStarted, StepStarted
from steps.document.bodies import body_at

_WITH_CHILDREN = ("call-workflow", "group", "parallel")
_MOST_ASKED = 10
"""For how many steps of a chain the child run is looked up."""


class ExplainQuery(BaseModel):
    """Which value of a run to explain."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    path: str = Field(
        min_length=1,
        max_length=500,
        description="such as `result.total`, `data.order.id` or `steps.pay.output.status`",
    )
    at: Whole | None = Field(
        None,
        ge=1,
        description="the number of an event: the value before it is explained; by "
        "default the value at the end",
    )


async def explain(call: Call) -> Response:
    """Explain where a value of a run came from, and what it influenced."""
    query = call.query(ExplainQuery)
    run_id = call.path("runId")
    _, events = await call.services.journal.events.read(run_id, call.tenant)
    return JsonAnswer(await explanation(call.services, call.tenant, events, query.path, query.at))


async def explanation(
    services: Services, tenant: str, events: Sequence[Event], path: str, at: int | None
) -> JsonObject:
    """Explain a value of a run by its history. Raises `BadRequest` and `DefinitionUnusable`."""
    first = events[0]
    assert isinstance(first, RunStarted)  # noqa: S101 - every history begins with it
    definition = await services.workflows.pinned(tenant, first.workflow_id, first.version)
    document = body_at(definition.document, first.body)

    def settings_of(name: str) -> type[BaseModel] | None:
        kind = services.registry.get(name)
        return kind.settings if kind else None

    def work() -> JsonObject:
        return explained(events, document, path, at, settings_of)

    answer = await offload(work)
    await _add_children(services, first.run_id, events, answer)
    return answer


async def _add_children(
    services: Services, run_id: str, events: Sequence[Event], answer: JsonObject
) -> None:
    """Name the child run that made a value, if the step started one."""
    entered = [event for event in events if isinstance(event, StepStarted) and event.attempt == 1]
    numbers = {(one.step_id, one.visit): at for at, one in enumerate(entered, 1)}
    found: dict[int, str | None] = {}
    chain: Any = answer["chain"]
    for node in chain:
        if node.get("stepType") not in _WITH_CHILDREN:
            continue
        number = numbers.get((node["stepId"], node["visit"]), 0)
        if number not in found and len(found) < _MOST_ASKED:
            rows = await services.journal.children.lines.page(run_id, number, 2)
            found[number] = rows[0].run_id if len(rows) == 1 else None
        if child := found.get(number):
            node["runId"] = child


ENDPOINTS = (
    Endpoint(
        "GET", "/api/workflow/runs/{runId}/explain", Role.VIEWER, explain,
        "Explain where a value came from", None, ExplainQuery,
    ),
)  # fmt: skip
