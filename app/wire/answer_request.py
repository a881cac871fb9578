"""A request that answers a pause: read once, then held against what the run asks.

JSON, or a form with the files that the pause asks for; both become one `AnswerRequest`.
"""

import hashlib
import json

from starlette.requests import Request

from app.files.uploads import Files
from app.settings.server import Settings
from app.wire.bodies import ResumeBody, checked
from app.wire.form import FIELD, Form
from app.wire.form_request import form_with_file, is_form
from app.wire.form_rows import untold
from app.wire.form_values import form_values
from app.wire.idempotency import idempotency_key
from app.wire.json_body import json_body
from engine import AnswerKey, JsonObject, NotPaused, Run
from engine.value import value
from steps.contract import InvalidAnswer, Problem
from steps.fields import Fields

_OWN = ("type", "stepId", "runId", "pauseId", "seen")
"""The fields of a form that are not data."""


@value(frozen=True, slots=True)
class AnswerRequest:
    """An answer as it was sent; a multipart one has its data in `form`."""

    body: ResumeBody
    form: Form | None
    key: AnswerKey

    @classmethod
    async def read(cls, request: Request, settings: Settings) -> "AnswerRequest":
        """Read the request's body. Raises `BadRequest` and what else a body can be wrong in."""
        key, form = idempotency_key(request), None
        if is_form(request):
            form = await form_with_file(request, settings)
            own = {name: form.texts.pop(name) for name in _OWN if name in form.texts}
            body = checked(ResumeBody, {"type": "collect_inputs", **own})
        else:
            body = checked(ResumeBody, await json_body(request, settings))
        fingerprint = _fingerprint(body, form) if key else ""
        return cls(body, form, AnswerKey(key or "", fingerprint))

    async def answer_to(self, run: Run, files: Files, tenant: str) -> JsonObject:
        """Return the answer to what the run asks. Its files, if there are any, are stored.

        Raises `InvalidAnswer`, and `NotPaused` for a file that nobody waits for.
        """
        answer: JsonObject = self.body.model_dump(exclude_none=True)
        if self.form is None or self.key.key in run.answers:
            return answer
        return {**answer, "data": await data_with_files(files, tenant, run, self.form)}


async def data_with_files(files: Files, tenant: str, run: Run, form: Form) -> JsonObject:
    """Return texts in their declared types, and the ids of the files in the fields for them.

    A file in `attachment` is for the one field that is left. The files are stored only when
    all else is acceptable. Raises `InvalidAnswer`, `NotPaused`.
    """
    if run.pause is None:
        raise NotPaused(f"run {run.id} is {run.status}, so there is nothing to resume")
    fields = asked_fields(run)
    data, problems = await form_values(fields, form)
    file_fields = [name for name, spec in fields.specs.items() if spec["type"] == "file"]
    parts = form.parts_of(file_fields)
    if FIELD in form.uploads and FIELD not in parts.values():
        left = form.left_open(file_fields)
        open_fields = f"the fields {', '.join(left)}" if left else "no field"
        message = f"is for the one field of type file that is left, and that is {open_fields}"
        problems.append(Problem(FIELD, message))
    problems += form.misplaced(file_fields)
    unplaced = form.uploads.keys() - set(parts.values())
    checked_too = fields.check({**data, **dict.fromkeys([*parts, *unplaced], "")})
    problems += untold(checked_too, problems)
    if problems:
        raise InvalidAnswer(problems)
    for name, part in parts.items():
        data[name] = (await files.store(tenant, form.uploads[part])).id
    return data


def asked_fields(run: Run) -> Fields:
    """Return the fields that a paused run asks for; none where it asks for something else."""
    specs = run.pause.body.get("fields") if run.pause else None
    found = specs.items() if isinstance(specs, dict) else ()
    return Fields({name: spec for name, spec in found if isinstance(spec, dict)})


def _fingerprint(body: ResumeBody, form: Form | None) -> str:
    uploads = form.uploads if form else {}
    digests = {name: hashlib.sha256(upload.content).hexdigest() for name, upload in uploads.items()}
    asked = [body.model_dump(), form and form.texts, digests]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
