"""A page: an endpoint for people, which shows failures as a page instead of JSON."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.auth.errors import Unauthorized
from app.auth.sessions import COOKIE
from app.services import Services
from app.web.console.rendering import SECURITY, html, in_frame
from app.web.endpoint import Call, Endpoint
from app.web.errors import error_response, log_if_unknown
from app.wire.parsing.errors import BadRequest
from app.wire.requests.bodies import checked
from engine.value import value

M = TypeVar("M", bound=BaseModel)
_NAME = re.compile(r"[.\[]")
_RELOAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Stepwell</title>'
    '<meta http-equiv="refresh" content="0"></head><body></body></html>'
)


@value(frozen=True, slots=True)
class Page(Endpoint):
    """An endpoint that shows failures as pages, and sends signed-out callers to the sign-in."""

    async def answer(self, request: Request, services: Services) -> Response:
        """Check the caller, call the handler, and turn failures into pages."""
        request_id: str = request.scope["stepwell.request_id"]
        try:
            return await self.ask(request, services)
        except Unauthorized:
            return _ask_in(request)
        except Exception as failure:  # noqa: BLE001 - every failure is an answer
            log_if_unknown(request_id, failure)
            return problem_page(request, services, failure)


def filled(call: Call) -> dict[str, str]:
    """Return the query without the fields that were left empty."""
    return {name: value for name, value in call.request.query_params.items() if value}


def fitting(model: type[M], asked: Mapping[str, str]) -> tuple[M, dict[str, str]]:
    """Return the valid part of a query, and the problems of the rest by field.

    The page can then show its list, with the problem beside the filter.
    """
    try:
        return checked(model, asked), {}
    except BadRequest as refused:
        wrong = {_NAME.split(one.path, 1)[0]: one.message for one in refused.problems}
        kept = {name: value for name, value in asked.items() if name not in wrong}
        return checked(model, kept), {name: wrong[name] for name in wrong if name in asked}


def open_page(
    request: Request, services: Services, template: str, code: int = 200, /, **context: Any
) -> HTMLResponse:
    """Return a page that anybody may see; those who have signed in see the menu beside it."""
    if COOKIE not in request.cookies:
        return html(request, template, code, **context)
    try:
        session = services.sessions.of("GET", {}, request.cookies)
    except Unauthorized:
        return html(request, template, code, **context)
    call = Call(request, services, session.caller, session.csrf)
    return in_frame(call, template, "", code, 0, **context)


def problem_page(request: Request, services: Services, failure: Exception) -> HTMLResponse:
    """Return the page that says what went wrong."""
    request_id: str = request.scope["stepwell.request_id"]
    answer = error_response(failure, request_id)
    status = answer.status_code
    is_ours = status == HTTPStatus.INTERNAL_SERVER_ERROR
    message = "The server failed; its log has the rest under this id." if is_ours else str(failure)
    title = {404: "There is nothing here", 403: "Your role may not do this"}.get(
        status, "That did not work"
    )
    return open_page(
        request,
        services,
        "problem.html",
        status,
        title=title,
        message=message,
        request_id=request_id,
        meaning=answer.headers["link"].partition(">")[0].removeprefix("<"),
    )


def _ask_in(request: Request) -> Response:
    """Redirect a caller without a session to the sign-in, and back afterwards."""
    if request.headers.get("sec-fetch-site") == "cross-site" and request.method == "GET":
        # The cookie is not sent when a link on another site is followed; it is when the page
        # reloads itself.
        return HTMLResponse(_RELOAD, headers=dict(SECURITY))
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?next={quote(back, safe='')}", 303)
