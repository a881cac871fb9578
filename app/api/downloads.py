"""Uploaded files, given back."""

from urllib.parse import quote

from starlette.responses import Response

from app.api.endpoint import Call, Endpoint
from app.auth.roles import Role


async def download(call: Call) -> Response:
    """Give a file as a download, never as something a browser would run (RFC 6266)."""
    row, content = await call.services.files.read(call.tenant, call.path("fileId"))
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(row.name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    return Response(content, media_type=row.media_type, headers=headers)


ENDPOINTS = (
    Endpoint(
        "GET", "/api/workflow/files/{fileId}", Role.VIEWER, download, "Download an uploaded file"
    ),
)
