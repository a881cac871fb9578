"""Serves the files that browsers cache: their address changes with their content."""

import gzip
from functools import cache

from starlette.requests import Request
from starlette.responses import Response

from app.services import Services
from app.web.console.compression import takes_gzip
from app.web.console.rendering import STATIC, STATIC_VERSION

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
_TYPES |= {"svg": "image/svg+xml", "woff2": "font/woff2"}
_PACKED = ("woff2",)
"""Types of files that are compressed already."""


async def static_file(request: Request, _: Services) -> Response:
    """Return one of them."""
    name = request.path_params["name"]
    if request.path_params["version"] != STATIC_VERSION or name not in STATIC:
        return Response(status_code=404)
    suffix = name.rpartition(".")[2]
    kind = _TYPES[suffix]
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if suffix in _PACKED or not takes_gzip(request):
        return Response(STATIC[name], media_type=kind, headers=headers)
    return Response(_packed(name), media_type=kind, headers={**headers, "Content-Encoding": "gzip"})


@cache
def _packed(name: str) -> bytes:
    return gzip.compress(STATIC[name], 9, mtime=0)
