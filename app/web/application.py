"""The ASGI application over running services: maps each path and method to its handler.

Plain calls, one after the other: the frame around every request, cross-origin rules if there are
any, the table of paths, the endpoint. Nothing here knows which server calls it.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.concurrency.first_use import loaded
from app.services import Services
from app.settings.server import Settings
from app.web.endpoint import Endpoint
from app.web.errors import error_response
from app.web.guide.pages import guide, guide_file
from app.web.json_answer import JsonAnswer
from app.web.middleware import RequestFrame
from app.web.readiness import unready
from app.web.route_table import RouteTable
from app.wire.parsing.errors import NotAllowedHere, NotFoundHere
from app.wire.parsing.fields import HttpRequest
from steps.checking.document_schema import definition_schema

Answer = Callable[[Request, Services], Awaitable[Response]]
Routes = Mapping[str, Mapping[str, Answer]]
"""Handlers by path and method."""

_LONGEST_SHOWN = 200


def application(services: Services, address: str) -> ASGIApp:
    """Return the ASGI application; `address` is the one shown at `/docs`."""
    app: ASGIApp = _Application(services, address)
    if services.settings.cors_origins:
        app = _cross_origin(app, services.settings)
    return RequestFrame(app, services.counters)


async def load_api() -> None:
    """Load the API beside the event loop; a request that arrives earlier waits for it."""
    await loaded(functools.partial(import_module, "app.web.endpoints"))


def routes(services: Services, address: str) -> Routes:
    """Return every path outside the console, with the handler of each method."""
    from app.web.endpoints import ALL_ENDPOINTS, OPEN_ENDPOINTS

    return _by_path(ALL_ENDPOINTS, OPEN_ENDPOINTS, _own_routes(services, address))


def _own_routes(services: Services, address: str) -> dict[str, dict[str, Answer]]:
    return {
        path: {"GET": answer, "HEAD": answer}
        for path, answer in _of_the_server(services, address).items()
    }


def console_routes() -> Routes:
    """Return the paths of the console likewise; they are loaded on the first request for one."""
    from app.web.console.routes import OPEN_PAGES, PAGES

    # Scanners of links and monitors ask for the header alone; the body is not sent then.
    return {
        path: {**methods, "HEAD": methods["GET"]} if "GET" in methods else methods
        for path, methods in _by_path(PAGES, OPEN_PAGES, {}).items()
    }


def _by_path(
    endpoints: Iterable[Endpoint],
    for_all: Iterable[tuple[str, str, Answer]],
    by_path: dict[str, dict[str, Answer]],
) -> Routes:
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint.answer
    for method, path, answer in for_all:
        by_path.setdefault(path, {})[method] = answer
    return by_path


def _table(by_path: Routes) -> RouteTable[Mapping[str, Answer]]:
    table = RouteTable[Mapping[str, Answer]]()
    for path, methods in by_path.items():
        table.add(path, methods)
    return table


def _of_the_server(services: Services, address: str) -> dict[str, Answer]:
    """Return the paths about the server itself.

    The code that describes the API and counts requests is loaded on first use, beside the event
    loop, because the server starts faster without it and many servers never need it.
    """

    @functools.cache
    def document() -> dict[str, Any]:
        from app.web.api.openapi import openapi
        from app.web.endpoints import ENDPOINTS

        return openapi(ENDPOINTS)

    @functools.cache
    def schema() -> dict[str, Any]:
        return definition_schema(services.registry)

    @functools.cache
    def page() -> str:
        from app.web.api.docs_page import docs_page

        return docs_page(document(), address)

    @functools.cache
    def metrics() -> Callable[[Request], Awaitable[Response]]:
        from app.web.api.metrics import Metrics

        return Metrics(services).show

    async def healthz(_: Request, __: Services) -> Response:
        return JsonAnswer({"status": "ok"})

    async def readyz(_: Request, services: Services) -> Response:
        reason = unready(services)
        if reason is None:
            left = services.recovery.waiting
            files = {"files": "unavailable"} if services.files.trouble else {}
            return JsonAnswer({"ready": True, **({"recovering": left} if left else {}), **files})
        return JsonAnswer({"ready": False, "reason": reason}, 503)

    async def openapi_json(_: Request, __: Services) -> Response:
        return JsonAnswer(await asyncio.to_thread(document))

    async def definition_json(_: Request, __: Services) -> Response:
        return JsonAnswer(await asyncio.to_thread(schema))

    async def docs(_: Request, __: Services) -> Response:
        return HTMLResponse(await asyncio.to_thread(page))

    async def show_metrics(request: Request, _: Services) -> Response:
        show = await asyncio.to_thread(metrics)
        return await show(request)

    return {
        "/healthz": healthz,
        "/readyz": readyz,
        "/metrics": show_metrics,
        "/openapi.json": openapi_json,
        "/schema/definition.json": definition_json,
        "/docs": docs,
        "/guide": guide,
        "/guide/{path...}": guide_file,
    }


class _Application:
    """Finds the handler of a request and calls it."""

    def __init__(self, services: Services, address: str) -> None:
        self._services = services
        self._address = address
        self._table = _table(_own_routes(services, address))
        self._has_api = False
        self._console: RouteTable[Mapping[str, Answer]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        found = None
        if not _hides_a_slash(scope):
            found = self._table.find(path) or await self._loaded(path)
        if found is None:
            response: Response = _nothing(HttpRequest(scope, receive, send), self._services, path)
        else:
            methods, scope["path_params"] = found
            answer = methods.get(scope["method"])
            if answer is None:
                failure: Exception = NotAllowedHere(sorted(methods))
                response = error_response(failure, scope["stepwell.request_id"])
            else:
                response = await answer(HttpRequest(scope, receive, send), self._services)
        await response(scope, receive, send)

    async def _loaded(self, path: str) -> tuple[Mapping[str, Answer], dict[str, str]] | None:
        """Search the parts that are loaded on first use: the API, then the console."""
        if not self._has_api:
            await load_api()
            self._table = _table(routes(self._services, self._address))
            self._has_api = True
            found = self._table.find(path)
            if found is not None:
                return found
        if self._console is None:
            self._console = await loaded(lambda: _table(console_routes()))
        return self._console.find(path)


def _hides_a_slash(scope: Scope) -> bool:
    """Return whether a slash is escaped in the path.

    No id has a slash. So an id that a client has escaped is never read as more parts of the path,
    which could lead to another address below it.
    """
    raw: bytes = scope.get("raw_path") or b""
    return b"%" in raw and b"%2F" in raw.upper()


def _nothing(request: Request, services: Services, path: str) -> Response:
    """Return the answer for an unknown address: a page for a browser, else JSON."""
    failure = NotFoundHere(f"there is nothing at {path[:_LONGEST_SHOWN]}")
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        from app.web.console.routes import no_page

        return no_page(request, services, failure)
    return error_response(failure, request.scope["stepwell.request_id"])


def _cross_origin(app: ASGIApp, settings: Settings) -> ASGIApp:
    """Allow pages of the named origins to call the API."""
    return CORSMiddleware(
        app,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=[
            "authorization", "content-type", "idempotency-key", "last-event-id", "prefer",
            "x-api-key", "x-tenant-id", "x-request-id",
        ],
        expose_headers=["x-request-id", "location", "retry-after"],
    )  # fmt: skip
