"""The files of a watched folder with their problems, for development."""

from starlette.responses import Response

from app.auth.roles import Role
from app.web.console.page import Page
from app.web.console.rendering import page
from app.web.endpoint import Call
from app.wire.parsing.errors import NotFoundHere


async def watched(call: Call) -> Response:
    """Show the state of each file."""
    folders = [item for item in call.services.watched if item.tenant == call.tenant]
    if not folders:
        raise NotFoundHere("no folder is watched here; `stepwell dev` does it")
    return await page(
        call,
        "watched.html",
        "workflows",
        folders=[
            {"path": str(item.folder), "files": [file for _, file in sorted(item.files.items())]}
            for item in folders
        ],
    )


PAGES = (Page("GET", "/watched", Role.VIEWER, watched, "Watched files"),)
