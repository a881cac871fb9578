"""Serves `/guide`: only the files of the site that `make guide` builds."""

import base64
import functools
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.services import Services
from app.web.errors import error_response
from app.wire.parsing.errors import NotFoundHere

if TYPE_CHECKING:
    from starlette.staticfiles import StaticFiles

SITE = Path(__file__).parent / "site"
_INLINE = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_FIRST = "README/"
_PAGE = "index.html"


async def guide_file(request: Request, _: Services) -> Response:
    """Return a file of the site, or the page of a folder.

    The address of a page ends with a slash, because its links are relative to that.
    """
    path: str = request.path_params["path"]
    if not path:
        return RedirectResponse(_FIRST, 307)
    try:
        if path.endswith("/"):
            response = await _files().get_response(f"{path}{_PAGE}", request.scope)
        elif (SITE / path / _PAGE).is_file():
            return RedirectResponse(f"{path.rpartition('/')[2]}/", 308)
        else:
            response = await _files().get_response(path, request.scope)
    except (HTTPException, ValueError, OSError):
        return _missing(request)
    response.headers.update(_headers())
    return response


async def guide(_: Request, __: Services) -> Response:
    """Redirect to the first page."""
    return RedirectResponse(f"guide/{_FIRST}", 307)


def _missing(request: Request) -> Response:
    if (SITE / _FIRST / _PAGE).is_file():
        failure = NotFoundHere("the guide has no such page; it begins at /guide/")
    else:
        failure = NotFoundHere("this checkout has no guide yet: `make guide` makes it")
    return error_response(failure, request.scope["stepwell.request_id"])


@functools.cache
def _files() -> "StaticFiles":
    from starlette.staticfiles import StaticFiles  # noqa: PLC0415 - a start goes without it

    return StaticFiles(directory=SITE, check_dir=False)


@functools.cache
def _headers() -> dict[str, str]:
    """Return headers that restrict browsers to this site; its one inline script sets the theme."""
    inline = _INLINE.findall((SITE / _FIRST / _PAGE).read_bytes())
    hashes = {base64.b64encode(hashlib.sha256(text).digest()).decode() for text in inline}
    scripts = " ".join(["'self'", *(f"'sha256-{each}'" for each in sorted(hashes))])
    return {
        "Content-Security-Policy": f"default-src 'none'; script-src {scripts}; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        "Cache-Control": "no-cache",
    }
