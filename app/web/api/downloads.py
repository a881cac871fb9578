"""Uploaded files, given back."""

from urllib.parse import quote

from starlette.responses import Response

from app.auth.roles import Role
from app.web.endpoint import Call, Endpoint

_RUN_BY_BROWSERS = frozenset({"text/html", "image/svg+xml", "application/xhtml+xml", "text/xml"})


async def download(call: Call) -> Response:
    """Return a file as a download, never as something a browser would run (RFC 6266)."""
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
        "GET", "/api/workflow/files/{fileId}", Role.VIEWER, download, "Download an uploaded file"
    ),
)
