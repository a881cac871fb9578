"""The fields with which the data of a run, or the output of a step, is changed by hand."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.concurrency.offload import offload
from app.definitions.versioned import DefinitionUnusable
from app.secrets.sensitive import shown_data
from app.web.console.rendering import fragment
from app.web.console.runs.edit_fields import EditForm, data_form, output_form
from app.web.console.runs.timeline import Timeline, timeline_of
from app.web.endpoint import Call, Endpoint
from app.wire.parsing.errors import NotFoundHere
from app.wire.requests.query_values import Whole
from engine import JsonObject, Run
from steps.document.compiled import Definition


class FieldsQuery(BaseModel):
    """What is to be changed: the data now, that of a rerun, or the output of the open step.

    A page has two forms for reruns: the whole run again, and from a step.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    what: Literal["data", "again", "rerun", "output"]
    stepId: str | None = Field(None, max_length=200)  # noqa: N815
    visit: Whole | None = Field(None, ge=1)
    version: str | None = Field(None, max_length=100)


async def fields_of_run(call: Call) -> Response:
    """Return the fields of one form as a piece of the run's page."""
    query, run_id = call.query(FieldsQuery), call.path("runId")
    _, history = await call.services.journal.events.read(run_id, call.tenant)
    timeline = await offload(lambda: timeline_of(history))
    run, is_other = timeline.run, query.version not in (None, "", timeline.run.version)
    definition = await _definition(call, run, query.version if is_other else None)
    if query.what == "output":
        return _shown(_output(run, definition), "output")
    data = shown_data(run.data) if query.what == "data" else _entered(timeline, query)
    if definition is None:
        return _shown(EditForm((), data, {}), query.what)
    form = await offload(lambda: data_form(definition, data, fills_in=is_other))
    return _shown(form, query.what)


def _shown(form: EditForm, what: str) -> Response:
    return JSONResponse({"shown": fragment("edit_fields.html", form=form, what=what)})


async def _definition(call: Call, run: Run, version: str | None) -> Definition | None:
    """Return the definition that declares the fields; None where it cannot be used any more."""
    workflows = call.services.workflows
    try:
        return await workflows.pinned(
            call.tenant, run.workflow_id, version or run.version, run.body
        )
    except DefinitionUnusable:
        return None


def _output(run: Run, definition: Definition | None) -> EditForm:
    step = definition.steps.get(run.current.step_id) if definition and run.current else None
    return output_form(step) if step else EditForm((), {}, {})


def _entered(timeline: Timeline, query: FieldsQuery) -> JsonObject:
    """Return the data with which the run entered a visit. Raises `NotFoundHere`."""
    for entry in reversed(timeline.entries):
        number = entry.visit.visit if entry.visit else None
        if entry.step_id == query.stepId and query.visit in (None, number):
            return entry.data
    raise NotFoundHere(f"the run has not entered step {query.stepId}")


PAGES = (
    Endpoint(
        "GET", "/runs/{runId}/fields", Role.OPERATOR, fields_of_run,
        "The fields of a change", None, FieldsQuery,
    ),
)  # fmt: skip
