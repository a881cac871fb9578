"""A request that starts a run: read once, then checked against the definition it starts.

JSON, or a form with files; both become one `StartRequest`. Its fingerprint shows whether an
idempotency key is repeated with the same request or reused for another one.
"""

import hashlib
import json

from starlette.requests import Request

from app.files.uploads import Files, attachment_of
from app.settings.server import Settings
from app.wire.forms.form import FIELD, Form
from app.wire.forms.request import form_with_file, is_form
from app.wire.forms.rows import not_reported
from app.wire.forms.values import form_values
from app.wire.parsing.errors import BadRequest
from app.wire.parsing.json_body import declared_size, json_body
from app.wire.requests.bodies import StartBody, StartQuery, checked
from engine import JsonObject
from engine.value import value
from journal import IdempotencyKey
from steps.contract.step_type import Problem
from steps.document.compiled import Definition


@value(frozen=True, slots=True)
class StartRequest:
    """A start as received.

    Attributes:
        selector: The requested version; None lets the server choose.
        data: The input of a JSON body; for a form, the data besides the form.
        form: The input of a multipart body, texts and files; None for JSON.
        key: The request's `Idempotency-Key`.
        size: How many bytes of memory a run holds for the request.
    """

    workflow_id: str
    selector: str | None
    data: JsonObject
    form: Form | None
    key: str | None
    size: int

    @classmethod
    async def read(
        cls,
        request: Request,
        settings: Settings,
        workflow_id: str,
        query: StartQuery,
        key: str | None,
    ) -> "StartRequest":
        """Read the request's body. Raises `BadRequest` and the other errors of a bad body."""
        if is_form(request):
            form = await form_with_file(request, settings)
            return cls(workflow_id, query.version, {}, form, key, size=0)
        body = checked(StartBody, await json_body(request, settings, required=False))
        if body.version is not None and query.version not in (None, body.version):
            message = (
                f"is {body.version!r} here, and {query.version!r} in the address; give one of them"
            )
            raise BadRequest("the request is not acceptable", [Problem("version", message)])
        selector = query.version if body.version is None else body.version
        return cls(workflow_id, selector, body.data, None, key, declared_size(request, settings))

    @property
    def idempotency(self) -> IdempotencyKey | None:
        """The key with the fingerprint of the request; None if the request has no key."""
        return IdempotencyKey(self.key, self._fingerprint()) if self.key else None

    async def input_of(self, definition: Definition, files: Files, tenant: str) -> JsonObject:
        """Return the checked input, with defaults; its own files are not stored yet.

        Raises `BadRequest` that names every invalid field.
        """
        data = dict(self.data)
        problems: list[Problem] = []
        fields, sent = definition.payload, set[str]()
        if form := self.form:
            inputs = type(fields)(definition.input_fields())
            values, problems = await form_values(inputs, form)
            data |= values
            if FIELD in form.uploads:
                data = {"fileId": "", "attachment": {}, **data}
                sent = {"fileId", "attachment"}
            file_fields = _declared_files(definition)
            parts = form.parts_of(file_fields)
            data |= dict.fromkeys(parts, "")
            sent |= parts.keys()
            problems += form.misplaced(file_fields)
        if found := fields.check(data):
            left = [item for item in found if not self._is_attached(item.path)]
            problems += not_reported(left, problems)
        problems = problems or await files.unknown_in(tenant, definition.inputs, data, sent)
        if problems:
            raise BadRequest("the input is not acceptable", problems)
        return fields.with_defaults(data)

    async def store_files(self, files: Files, tenant: str, definition: Definition) -> JsonObject:
        """Store each file once, and return the data that refers to them."""
        if self.form is None:
            return {}
        uploads = self.form.uploads
        rows = {name: await files.store(tenant, upload) for name, upload in uploads.items()}
        parts = self.form.parts_of(_declared_files(definition))
        data: JsonObject = {name: rows[part].id for name, part in parts.items()}
        if row := rows.get(FIELD):
            data["fileId"] = row.id
            data["attachment"] = attachment_of(row)
        return data

    def _is_attached(self, path: str) -> bool:
        """Return whether a problem concerns data that the server itself adds."""
        has_one = self.form is not None and FIELD in self.form.uploads
        return has_one and path.startswith(("data.fileId", "data.attachment"))

    def _fingerprint(self) -> str:
        texts = self.form and self.form.texts
        digests = {
            name: hashlib.sha256(upload.content).hexdigest()
            for name, upload in (self.form.uploads if self.form else {}).items()
        }
        attached = digests.pop(FIELD, None)
        asked: list[object] = [self.workflow_id, self.selector, self.data, texts, attached]
        asked += [digests] if digests else []  # one attachment keeps its original form
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _declared_files(definition: Definition) -> list[str]:
    """Return the inputs of type file, except those that the attachment fills by name."""
    return [
        name
        for name, spec in definition.input_fields().items()
        if spec["type"] == "file" and name not in ("fileId", FIELD)
    ]
