"""`stepwell serve`: the application under uvicorn, on a port of this machine."""

import asyncio
import contextlib
import errno
import functools
import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from types import FrameType
from typing import Any, TypeAlias

import uvicorn

from app.asgi import invite_owner, working
from app.operator.service_manager import ServiceManager
from app.services import Services
from app.settings.extras import ExtraMissing, extra
from app.settings.open_files import open_files, raise_limit
from app.settings.server import Settings
from app.telemetry import log
from app.web.application import application, load_api
from app.web.listener import Listener
from app.web.protocol import protocol
from journal import SQLITE_VERSION, JournalError

_SWITCH_S = 0.001
_GC_THRESHOLDS = (50_000, 50, 1_000)
"""How many objects more there are before those are looked at that were made last, and so on.

A run makes few that only point at each other, and the interpreter's own 700 have it look at all
that runs under way hold, again and again.
"""
_FIRST_FREE_PORT = 1024


class _Server(uvicorn.Server):
    """Lets those who wait for runs go as soon as a stop is asked for."""

    def __init__(
        self,
        config: uvicorn.Config,
        listening: socket.socket,
        stopping: Callable[[], None],
        manager: ServiceManager,
    ) -> None:
        super().__init__(config)
        self._manager = manager
        self._beside: list[asyncio.Task[None]] = []
        self._stopping = stopping
        self._loop = asyncio.get_running_loop()
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
        self._manager.ready()
        self._beside = [
            asyncio.create_task(self._manager.keep_alive()),
            asyncio.create_task(load_api()),
        ]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, and finish what has come over those that are open."""
        for task in self._beside:
            task.cancel()
        if self._listener is not None:
            self._listener.close()
        self._listening.close()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in good order; uvicorn's own way would end the process by the signal.

        A signal comes between any two lines, also while the loop sorts its timers: what sets one
        is left to the loop.
        """
        self._manager.stopping()
        self._loop.call_soon_threadsafe(self._stopping)
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


Alongside: TypeAlias = Callable[[Services, str], AbstractAsyncContextManager[None]]
"""What goes on while a server serves; it is given the parts, and the server's address."""


def serve(settings: Settings, alongside: Alongside | None = None) -> int:
    """Serve until stopped; returns the exit code."""
    log.configure(settings.log_level, settings.log_format)
    # A thread that reads or commits waits this long for a loop that computes, several times.
    sys.setswitchinterval(_SWITCH_S)
    gc.freeze()  # what was imported stays, and need not be looked through while serving
    gc.set_threshold(*_GC_THRESHOLDS)
    try:
        running = asyncio.Runner(loop_factory=_loop_factory(settings))
        with contextlib.suppress(KeyboardInterrupt), running as runner:
            runner.run(_serve(settings, alongside or _inviting))
    except (JournalError, ExtraMissing) as refused:
        print(f"stepwell: {refused}", file=sys.stderr)  # noqa: T201 - the operator's terminal
        return 1
    except OSError as refused:
        print(f"stepwell: {_mend(settings, refused)}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _loop_factory(settings: Settings) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the event loop. Raises `ExtraMissing`."""
    if settings.event_loop == "asyncio":
        return None
    try:
        with extra("uvloop", "event_loop = uvloop"):
            import uvloop
    except ExtraMissing:
        if settings.event_loop == "uvloop":
            raise
        return None
    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made


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


@contextlib.asynccontextmanager
async def _inviting(services: Services, address: str) -> AsyncIterator[None]:
    """Say where the owner is made, while there is none."""
    invite_owner(services, services.settings.public_url or address)
    yield


async def _serve(settings: Settings, alongside: Alongside) -> None:
    manager = ServiceManager()
    files = open_files(settings, raise_limit())
    if not files.is_enough:
        log.few_open_files(files.limit, files.needed, files.connections)
    listener = _listen(settings)
    host, port = listener.getsockname()[:2]
    address = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104
    try:
        async with working(settings) as services:
            gc.collect()
            gc.freeze()  # what was opened stays too: a full collection must not keep the loop
            config = uvicorn.Config(
                application(services, address),
                lifespan="off",
                http=protocol(settings, files.connections, services.fair_loop),  # type: ignore[arg-type] # a class, but for its name
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=max(1, int(settings.shutdown_grace)),
            )
            server = _Server(config, listener, services.let_go, manager)
            async with alongside(services, address):
                log.server_started(address, SQLITE_VERSION)
                await server.serve(sockets=[])
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
