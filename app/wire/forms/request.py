"""Reads forms from requests."""

from functools import partial

from starlette.requests import Request

from app.concurrency.offload import LONG_BYTES, offload
from app.settings.server import Settings
from app.wire.forms.form import FIELD, FIELD_ROOM_BYTES, Form, multipart_form
from app.wire.parsing.errors import BadRequest, PayloadTooLarge
from app.wire.parsing.fields import fields_of
from app.wire.parsing.json_body import read_body
from steps.contract.step_type import Problem


def is_form(request: Request) -> bool:
    """Return whether a request contains a form that may have a file."""
    return fields_of(request.scope).kind == "multipart/form-data"


async def form_with_file(request: Request, settings: Settings) -> Form:
    """Return a form that has a file, or a file field without a chosen file.

    Raises `BadRequest` or `PayloadTooLarge`, naming the field.
    """
    form = await form_body(request, settings)
    if not form.uploads and not form.unchosen:
        problem = Problem(FIELD, "is required: send the file in this field")
        raise BadRequest("the form is not acceptable", [problem])
    return form


async def form_body(request: Request, settings: Settings) -> Form:
    """Return a form; if no file was chosen, it has no uploads. Raises as `form_with_file`."""
    limit = settings.max_attachment_bytes
    try:
        body = await read_body(request, limit + FIELD_ROOM_BYTES, settings.body_timeout)
    except PayloadTooLarge as large:
        raise PayloadTooLarge(FIELD, limit) from large
    content_type = request.headers["content-type"].encode("latin-1")
    work = partial(multipart_form, content_type, body, limit)
    return work() if len(body) < LONG_BYTES else await offload(work)
