"""Uploads and downloads files."""

from urllib.parse import quote

from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.files.uploads import attachment_of
from app.web.endpoint import Call, Endpoint
from app.wire.forms.bodies import FileForm
from app.wire.forms.form import FIELD
from app.wire.forms.request import form_with_file, is_form
from app.wire.parsing.errors import BadRequest, UnsupportedMediaType
from app.wire.parsing.json_body import declared_size
from steps.contract.step_type import Problem

_RUN_BY_BROWSERS = frozenset({"text/html", "image/svg+xml", "application/xhtml+xml", "text/xml"})


async def upload(call: Call) -> Response:
    """Store a file; inputs of type file then refer to it by id."""
    services = call.services
    if not is_form(call.request):
        raise UnsupportedMediaType("send a form, with Content-Type: multipart/form-data")
    with services.admission.starting(call.tenant, declared_size(call.request, services.settings)):
        form = await form_with_file(call.request, services.settings)
        others = [name for name in (*form.texts, *form.uploads) if name != FIELD]
        if others:
            problems = [Problem(name, f"is not known here; there is {FIELD}") for name in others]
            raise BadRequest("the form is not acceptable", problems)
        row = await services.files.store(call.tenant, form.uploads[FIELD])
    return JSONResponse(attachment_of(row), 201)


async def download(call: Call) -> Response:
    """Return a file as a download, never as content that a browser would run (RFC 6266)."""
    row, content = await call.services.files.read(call.tenant, call.path("fileId"))
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(row.name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    is_code = row.media_type.partition(";")[0].strip().lower() in _RUN_BY_BROWSERS
    kind = "application/octet-stream" if is_code else row.media_type
    return Response(content, media_type=kind, headers=headers)


ENDPOINTS = (
    Endpoint(
        "POST",
        "/api/workflow/files",
        Role.OPERATOR,
        upload,
        "Upload a file",
        answers=(201,),
        form=FileForm,
    ),
    Endpoint(
        "GET", "/api/workflow/files/{fileId}", Role.VIEWER, download, "Download an uploaded file"
    ),
)
