"""What answers a pause: JSON, or a form with the file that the pause asks for."""

from collections.abc import Mapping

from starlette.requests import Request

from app.api.endpoint import Call
from app.api.json_body import json_body
from app.api.models import ResumeBody, checked
from app.api.multipart import FIELD, multipart_body
from app.files import Files, Upload
from engine import JsonObject, NotPaused, Run
from steps.contract import InvalidAnswer, Problem
from steps.fields import Fields

_OWN = ("type", "stepId", "runId")
"""The fields of a form that are not data."""


def is_form(request: Request) -> bool:
    """Say whether a request brings a form that may have a file."""
    kind = request.headers.get("content-type", "").partition(";")[0]
    return kind.strip().lower() == "multipart/form-data"


async def read_answer(call: Call, run: Run) -> JsonObject:
    """Give the answer that a request brings to a run. Its file, if there is one, is stored.

    Raises `BadRequest`, `InvalidAnswer`, and `NotPaused` for a file that nobody waits for.
    """
    services = call.services
    if not is_form(call.request):
        body = checked(ResumeBody, await json_body(call.request, services.settings))
        return body.model_dump(exclude_none=True)
    form, upload = await multipart_body(call.request, services.settings)
    own = {name: form.pop(name) for name in _OWN if name in form}
    body = checked(ResumeBody, {"type": "collect_inputs", **own})
    data = await data_with_file(services.files, call.tenant, run, form, upload)
    return {**body.model_dump(exclude_none=True), "data": data}


async def data_with_file(
    files: Files, tenant: str, run: Run, form: Mapping[str, str], upload: Upload
) -> JsonObject:
    """Give texts in their declared types, and the id of the file in the field that is for it.

    The file is stored only when all else is acceptable. Raises `InvalidAnswer`, `NotPaused`.
    """
    if run.signal is None:
        raise NotPaused(f"run {run.id} is {run.status}, so there is nothing to resume")
    fields = asked_fields(run)
    data, problems = fields.convert_text(form)
    left = [
        name for name, spec in fields.specs.items() if spec["type"] == "file" and name not in form
    ]
    if len(left) != 1:
        open_fields = f"the fields {', '.join(left)}" if left else "no field"
        message = f"a form with a file leaves one field of type file open, not {open_fields}"
        raise InvalidAnswer([*problems, Problem(FIELD, message)])
    told = {problem.path for problem in problems}
    checked_too = fields.check({**data, left[0]: ""})
    problems += [problem for problem in checked_too if problem.path not in told]
    if problems:
        raise InvalidAnswer(problems)
    row = await files.store(tenant, upload)
    return {**data, left[0]: row.id}


def asked_fields(run: Run) -> Fields:
    """Give the fields that a paused run asks for; none where it asks for something else."""
    specs = run.signal.body.get("fields") if run.signal else None
    found = specs.items() if isinstance(specs, dict) else ()
    return Fields({name: spec for name, spec in found if isinstance(spec, dict)})
