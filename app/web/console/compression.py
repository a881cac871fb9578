"""Pages and their files, compressed for browsers that take it."""

import gzip
import io
import secrets

from starlette.requests import Request

_LEAST = 2_000
"""Fewer bytes are one packet either way."""

_LEVEL = 5
_LONGEST_PADDING = 100


def takes_gzip(request: Request) -> bool:
    """Return whether a browser takes what is compressed."""
    offered = request.headers.get("accept-encoding", "").replace(" ", "").split(",")
    return "gzip" in offered


def compressed(request: Request, page: bytes) -> tuple[bytes, dict[str, str]]:
    """Return a page as it is sent, with the headers that say how.

    A page holds secrets of its reader beside what others have written. So that its length does not
    tell whether the two are alike, a name of random length precedes the compressed content.
    """
    headers = {"Vary": "Accept-Encoding"}
    if len(page) < _LEAST or not takes_gzip(request):
        return page, headers
    sent = io.BytesIO()
    padding = "x" * (1 + secrets.randbelow(_LONGEST_PADDING))
    with gzip.GzipFile(padding, "wb", _LEVEL, sent, mtime=0) as packing:
        packing.write(page)
    return sent.getvalue(), {**headers, "Content-Encoding": "gzip"}
