"""The server: routes from the table of endpoints, and its life from start to stop."""

import asyncio
import contextlib
import errno
import functools
import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.assembly import open_services
from app.auth.keys import new_key
from app.operator.control_socket import Control
from app.operator.folder import operator_context
from app.services import Services
from app.settings.open_files import open_files, raise_limit
from app.settings.server import Settings
from app.telemetry import log
from app.telemetry.blocked_step import process_end
from app.telemetry.loop_lag import LoopLag
from app.upkeep.housekeeping import Housekeeping
from app.upkeep.retention import Retention
from app.web.api import (
    check,
    credentials,
    definitions,
    downloads,
    events,
    executions,
    links,
    llm_models,
    many_runs,
    reruns,
    schedules,
    secrets,
    starts,
    tools,
    webhooks,
)
from app.web.api.docs_page import docs_page
from app.web.api.metrics import Metrics
from app.web.api.openapi import openapi
from app.web.connections import protocol
from app.web.console.routes import OPEN_PAGES, PAGES
from app.web.endpoint import Endpoint
from app.web.errors import error_response
from app.web.listener import Listener
from app.web.middleware import RequestFrame
from app.web.readiness import unready, watch_journal
from app.wire.errors import NotAllowedHere, NotFoundHere
from journal import SQLITE_VERSION, JournalError

ENDPOINTS: tuple[Endpoint, ...] = (
    *starts.ENDPOINTS,
    *executions.ENDPOINTS,
    *reruns.ENDPOINTS,
    *events.ENDPOINTS,
    *many_runs.ENDPOINTS,
    *definitions.ENDPOINTS,
    *check.ENDPOINTS,
    *links.ENDPOINTS,
    *credentials.ENDPOINTS,
    *downloads.ENDPOINTS,
    *secrets.ENDPOINTS,
    *llm_models.ENDPOINTS,
    *tools.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *schedules.ENDPOINTS,
)
FIRST_TENANT = "default"
_SWITCH_S = 0.001
_FIRST_FREE_PORT = 1024
_NOTE_USE_EVERY_S = 30


def application(services: Services, address: str) -> Starlette:
    """Return the ASGI application over running services.

    The page of the API is made when it is first asked for, beside the loop, since that takes
    its time.
    """

    @functools.cache
    def document() -> dict[str, Any]:
        return openapi(ENDPOINTS)

    @functools.cache
    def page() -> str:
        return docs_page(document(), address)

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        reason = unready(services)
        if reason is None:
            return JSONResponse({"ready": True})
        return JSONResponse({"ready": False, "reason": reason}, 503)

    async def openapi_json(_: Request) -> Response:
        return JSONResponse(await asyncio.to_thread(document))

    async def docs(_: Request) -> Response:
        return HTMLResponse(await asyncio.to_thread(page))

    async def missing(request: Request, _: Exception | None = None) -> Response:
        failure = NotFoundHere(f"there is nothing at {request.scope['path'][:200]}")
        return error_response(failure, request.scope["stepwell.request_id"])

    async def of_no_method(request: Request, _: Exception) -> Response:
        failure = NotAllowedHere(_EVERY_METHOD)
        return error_response(failure, request.scope["stepwell.request_id"])

    by_path: dict[str, dict[str, Answer]] = {}
    for endpoint in (*ENDPOINTS, *PAGES):
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint.answer
    for method, path, answer in OPEN_PAGES:
        by_path.setdefault(path, {})[method] = answer
    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", Metrics(services).show),
            Route("/openapi.json", openapi_json),
            Route("/docs", docs),
            *(
                Route(path, _Answers(methods, services), methods=_EVERY_METHOD)
                for path, methods in by_path.items()
            ),
            Route("/{rest:path}", missing, methods=_EVERY_METHOD),
        ],
        # No route takes a path with a line feed in it, nor a method that nobody knows.
        exception_handlers={
            HTTPStatus.NOT_FOUND: missing,
            HTTPStatus.METHOD_NOT_ALLOWED: of_no_method,
        },
        middleware=[
            Middleware(RequestFrame, counters=services.counters),
            *_cross_origin(services.settings),
        ],
    )


def _cross_origin(settings: Settings) -> list[Middleware]:
    """Let pages of the named origins call; without any there is nothing to add to answers."""
    if not settings.cors_origins:
        return []
    cors = Middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=[
            "authorization", "content-type", "idempotency-key", "last-event-id", "prefer",
            "x-api-key", "x-tenant-id", "x-request-id",
        ],
        expose_headers=["x-request-id", "location", "retry-after"],
    )  # fmt: skip
    return [cors]


Answer = Callable[[Request, Services], Awaitable[Response]]
_EVERY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class _Answers:
    """The endpoints of one path, by method.

    Each turns its own failures into answers, so this is served as it is, without the wraps
    that Starlette puts around a function.
    """

    def __init__(self, methods: dict[str, Answer], services: Services) -> None:
        self._methods = methods
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the endpoint for the request's method."""
        request = Request(scope, receive, send)
        answer = self._methods.get(request.method)
        if answer is None:
            failure = NotAllowedHere(sorted(self._methods))
            response: Response = error_response(failure, scope["stepwell.request_id"])
        else:
            response = await answer(request, self._services)
        await response(scope, receive, send)


class _Server(uvicorn.Server):
    """Lets those who wait for runs go as soon as a stop is asked for."""

    def __init__(
        self, config: uvicorn.Config, listening: socket.socket, stopping: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._listening = listening
        self._listener: Listener | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take connections by our own listener."""
        await super().startup(sockets)
        protocol_class: Any = self.config.http_protocol_class
        make = functools.partial(
            protocol_class,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        self._listener = Listener(self._listening, make)
        self._listener.open(self.config.backlog)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, and finish what has come over those that are open."""
        if self._listener is not None:
            self._listener.close()
        self._listening.close()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in good order; uvicorn's own way would end the process by the signal."""
        self._stopping()
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def serve(settings: Settings) -> int:
    """Serve until stopped; returns the exit code."""
    log.configure(settings.log_level, settings.log_format)
    gc.collect()
    # A thread that reads or commits waits this long for a loop that computes, several times.
    sys.setswitchinterval(_SWITCH_S)
    gc.freeze()  # what was imported stays, and need not be looked through while serving
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve(settings))
    except JournalError as refused:
        print(f"stepwell: {refused}", file=sys.stderr)  # noqa: T201 - the operator's terminal
        return 1
    except OSError as refused:
        print(f"stepwell: {_mend(settings, refused)}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _mend(settings: Settings, refused: OSError) -> str:
    """Say what keeps the server from starting, and what to do about it."""
    place = f"{settings.host}:{settings.port}"
    match refused.errno:
        case errno.EADDRINUSE:
            return (
                f"port {settings.port} of {settings.host} is in use by another program: "
                "stop that one, or choose another port with --port"
            )
        case errno.EACCES if settings.port < _FIRST_FREE_PORT:
            return (
                f"{place} cannot be opened: ports below 1024 take a privilege; choose with --port"
            )
        case errno.EADDRNOTAVAIL:
            return f"{place} cannot be opened: this machine has no such address; choose with --host"
        case errno.ENOSPC | errno.EDQUOT:
            return (
                f"there is no room on the disk of {settings.data.absolute()}: "
                "make some, or choose another data folder with --data"
            )
        case errno.EROFS | errno.EACCES | errno.EPERM:
            return (
                f"{refused.filename or settings.data} cannot be written ({refused.strerror}): "
                "let the user that runs Stepwell write the data folder"
            )
        case _:
            return f"cannot serve with the data folder {settings.data.absolute()}: {refused}"


async def _serve(settings: Settings) -> None:
    files = open_files(settings, raise_limit())
    if not files.is_enough:
        log.few_open_files(files.limit, files.needed, files.connections)
    listener = _listen(settings)
    host, port = listener.getsockname()[:2]
    address = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104
    try:
        async with open_services(settings) as services, _working(services):
            await _first_key(services)
            gc.collect()
            gc.freeze()  # what was opened stays too: a full collection must not keep the loop
            config = uvicorn.Config(
                application(services, address),
                lifespan="off",
                http=protocol(settings, files.connections),  # type: ignore[arg-type] # a class, but for its name
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=max(1, int(settings.shutdown_grace)),
            )

            def let_go() -> None:
                services.runs.let_go()
                services.streams.close()

            server = _Server(config, listener, let_go)
            log.server_started(address, SQLITE_VERSION)
            await server.serve(sockets=[])
            services.culprit.nobody()
            log.server_stopping()
    finally:
        listener.close()


def _listen(settings: Settings) -> socket.socket:
    """Take the port before the data folder is touched."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY; else each answer waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError:
        listener.close()
        raise
    return listener


@asynccontextmanager
async def _working(services: Services) -> AsyncIterator[None]:
    """Recover, fire timers and take commands while the server serves."""
    place = operator_context(services)
    retention = Retention(services.journal, services.settings, services.clock)
    keeping = Housekeeping(services.journal, retention, services.settings.housekeeping_interval)
    control = Control(place, services.authenticator, services.secrets, services.clock)
    await control.open(services.settings.data)
    await services.webhooks.start()
    tasks = [
        asyncio.create_task(services.recovery.run()),
        asyncio.create_task(services.timers.run()),
        asyncio.create_task(services.triggers.run()),
        asyncio.create_task(_note_use(services)),
        asyncio.create_task(_loop_lag(services).run()),
        asyncio.create_task(keeping.run()),
        asyncio.create_task(watch_journal(services.journal.health, services.culprit)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await services.webhooks.close()
        await services.runs.close(services.settings.shutdown_grace)
        await control.close()
        with contextlib.suppress(JournalError):
            await services.authenticator.flush_used()


def _loop_lag(services: Services) -> LoopLag:
    settings, end = services.settings, process_end(services.culprit.hold_against)
    return LoopLag(services.counters, settings.stall_warning, settings.blocked_step_limit, end)


async def _note_use(services: Services) -> None:
    while True:
        await asyncio.sleep(_NOTE_USE_EVERY_S)
        with contextlib.suppress(JournalError):
            await services.authenticator.flush_used()


async def _first_key(services: Services) -> None:
    """Where no owner can sign in, make a key for one and print it, once."""
    if services.authenticator.has_owner:
        return
    if not services.authenticator.has_keys:
        # A wrong path, or a disk that was not mounted, must not pass for a fresh start unseen.
        print(f"New data folder: {services.settings.data.resolve()}", flush=True)  # noqa: T201
    key, row = new_key(FIRST_TENANT, "owner", "first", services.clock.now_ms())
    await services.journal.keys.create(row)
    await services.authenticator.load()
    print(f"Owner key of tenant {FIRST_TENANT} (shown once): {key}", flush=True)  # noqa: T201
