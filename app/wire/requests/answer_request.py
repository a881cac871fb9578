"""A request that answers a pause: read once, then checked against what the run asks for.

JSON, or a form with the files that the pause asks for; both become one `AnswerRequest`.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

from starlette.requests import Request

from app.files.uploads import Files, Upload, attachment_of
from app.settings.server import Settings
from app.wire.forms.form import ATTACHMENTS, FIELD, Form
from app.wire.forms.request import form_body, is_form
from app.wire.forms.rows import not_reported
from app.wire.forms.values import form_values
from app.wire.parsing.idempotency import idempotency_key
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import LONGEST_COMMENT, MOST_ATTACHED, ResumeBody, checked
from engine import AnswerKey, Json, JsonObject, NotPaused, Run
from engine.value import value
from journal import UnknownFile
from steps.contract.step_type import InvalidAnswer, Problem
from steps.fields.fields import Fields

_OWN = ("type", "stepId", "runId", "pauseId", "seen")
_OF_ACTIONS = ("actionId", "actionValue")
"""The form fields that are not data; in a pause with actions, those of the chosen action."""

_ACTION = "request_user_action"
_COMMENT = "comment"


@value(frozen=True, slots=True)
class AnswerRequest:
    """An answer as received; a multipart one has its data in `form`."""

    body: ResumeBody
    form: Form | None
    key: AnswerKey

    @classmethod
    async def read(cls, request: Request, settings: Settings) -> "AnswerRequest":
        """Read the request's body. Raises `BadRequest` and the other errors of a bad body."""
        key, form = idempotency_key(request), None
        if is_form(request):
            form = await form_body(request, settings)
            names = (*_OWN, *(_OF_ACTIONS if form.texts.get("type") == _ACTION else ()))
            own = {name: form.texts.pop(name) for name in names if name in form.texts}
            body = checked(ResumeBody, {"type": "collect_inputs", **own})
        else:
            body = checked(ResumeBody, await json_body(request, settings))
        fingerprint = _fingerprint(body, form) if key else ""
        return cls(body, form, AnswerKey(key or "", fingerprint))

    async def answer_to(self, run: Run, files: Files, tenant: str) -> JsonObject:
        """Return the answer to what the run asks for, with any files stored.

        Raises `InvalidAnswer`, and `NotPaused` for a file that no pause asks for.
        """
        answer: JsonObject = self.body.model_dump(exclude_none=True)
        if self.key.key in run.answers:
            return answer
        if self.form is None:
            await _check_files(files, tenant, asked_fields(run, answer.get("actionValue")), answer)
            return await with_attachments(files, tenant, answer, ())
        return await answer_of_form(files, tenant, run, answer, self.form)


async def answer_of_form(
    files: Files, tenant: str, run: Run, answer: JsonObject, form: Form
) -> JsonObject:
    """Return an answer with the parts of a form: requested fields, a comment, files.

    Files are stored only if everything else is valid. Raises `InvalidAnswer`, `NotPaused`.
    """
    fields = asked_fields(run, answer.get("actionValue"))
    uploads: list[Upload] = []
    answer = {**answer}
    if ATTACHMENTS not in fields.specs:
        form, uploads = form.without_attachments()
    texts = {**form.texts}
    if _COMMENT in texts and _COMMENT not in fields.specs:
        answer |= _comment(texts.pop(_COMMENT))
    data = await _data_with_files(files, tenant, run, replace(form, texts=texts), fields)
    if data or answer["type"] != _ACTION:
        answer["data"] = data
    return await with_attachments(files, tenant, answer, uploads)


async def with_attachments(
    files: Files, tenant: str, answer: JsonObject, uploads: Sequence[Upload]
) -> JsonObject:
    """Return an answer with its attachments, already stored or uploaded with it, as runs see them.

    Raises `InvalidAnswer`.
    """
    named = answer.get(ATTACHMENTS)
    ids = named if isinstance(named, list) else []
    problems = []
    if len(ids) + len(uploads) > MOST_ATTACHED:
        problems.append(Problem(ATTACHMENTS, f"has {MOST_ATTACHED} files at most"))
    rows = []
    for index, file_id in enumerate(ids if not problems else ()):
        try:
            rows.append(await files.about(tenant, str(file_id)))
        except UnknownFile:
            problems.append(Problem(f"{ATTACHMENTS}[{index}]", "is not the id of a file"))
    if problems:
        raise InvalidAnswer(problems)
    rows += [await files.store(tenant, upload) for upload in uploads]
    return {**answer, ATTACHMENTS: [attachment_of(row) for row in rows]} if rows else answer


async def _check_files(files: Files, tenant: str, fields: Fields, answer: JsonObject) -> None:
    """Raise `InvalidAnswer` for an id in the data of an answer that names no file."""
    data = answer.get("data")
    if isinstance(data, dict) and (problems := await files.unknown_in(tenant, fields, data)):
        raise InvalidAnswer(problems)


def _comment(text: str | list[str]) -> JsonObject:
    if not isinstance(text, str) or len(text) > LONGEST_COMMENT:
        message = f"is one text of {LONGEST_COMMENT:,} characters at most"
        raise InvalidAnswer([Problem(_COMMENT, message)])
    return {_COMMENT: text} if text.strip() else {}


async def _data_with_files(
    files: Files, tenant: str, run: Run, form: Form, fields: Fields
) -> JsonObject:
    """Return texts in their declared types, with the ids of files in the file fields.

    A file in `attachment` fills the one file field that is left. Raises as `answer_of_form`.
    """
    if run.pause is None:
        raise NotPaused(f"run {run.id} is {run.status}, so there is nothing to resume")
    data, problems = await form_values(fields, form)
    file_fields = [name for name, spec in fields.specs.items() if spec["type"] == "file"]
    parts = form.parts_of(file_fields)
    if FIELD in form.uploads and FIELD not in parts.values():
        left = form.left_open(file_fields)
        several = f"name the field that it is for: {', '.join(left)}"
        message = several if left else "is not asked for; files for an answer are `attachments`"
        problems.append(Problem(FIELD, message))
    problems += form.misplaced(file_fields)
    unplaced = form.uploads.keys() - set(parts.values())
    checked_too = fields.check({**data, **dict.fromkeys([*parts, *unplaced], "")})
    problems += not_reported(checked_too, problems)
    problems = problems or await files.unknown_in(tenant, fields, data, parts)
    if problems:
        raise InvalidAnswer(problems)
    for name, part in parts.items():
        data[name] = (await files.store(tenant, form.uploads[part])).id
    return data


def asked_fields(run: Run, action: Json = None) -> Fields:
    """Return the fields a paused run asks for, in general or for an action; may be empty."""
    body: JsonObject = run.pause.body if run.pause else {}
    actions = body.get("actions")
    for one in actions if isinstance(actions, list) else ():
        if isinstance(one, dict) and one.get("value") == action:
            body = one
    specs = body.get("fields")
    found = specs.items() if isinstance(specs, dict) else ()
    return Fields({name: spec for name, spec in found if isinstance(spec, dict)})


def _fingerprint(body: ResumeBody, form: Form | None) -> str:
    uploads = form.uploads if form else {}
    digests = {name: hashlib.sha256(upload.content).hexdigest() for name, upload in uploads.items()}
    asked = [body.model_dump(), form and form.texts, digests]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
