"""`stepwell serve`: runs the application under uvicorn, on a port of this machine."""

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
from app.settings.network_values import own_address
from app.settings.open_files import open_files, raise_limit
from app.settings.server import Settings
from app.telemetry import log, log_output
from app.telemetry.steady_output import make_steady
from app.web.application import application, load_api
from app.web.connection_pool import ConnectionPool
from app.web.listener import Listener
from app.web.protocol import protocol
from journal import SQLITE_VERSION, FolderUnusable, JournalError

_SWITCH_S = 0.001
_GC_THRESHOLDS = (20_000, 50, 1_000)
"""The three thresholds of the garbage collector, for the generations from young to old.

The first limits how long a collection of the youngest keeps the loop: about 1 ms a thousand objects
if they are ended coroutines, as those of deliveries are.

A run makes few objects that refer to each other in cycles. With the interpreter's default of 700,
the collector would scan all objects of the runs under way again and again.
"""
_FIRST_FREE_PORT = 1024


class _Server(uvicorn.Server):
    """A uvicorn server that releases requests waiting for runs as soon as a stop is requested."""

    def __init__(
        self,
        config: uvicorn.Config,
        listening: socket.socket,
        pool: ConnectionPool,
        stopping: Callable[[], None],
        manager: ServiceManager,
    ) -> None:
        super().__init__(config)
        self._manager = manager
        self._beside: list[asyncio.Task[None]] = []
        self._stopping = stopping
        self._loop = asyncio.get_running_loop()
        self._listening = listening
        self._pool = pool
        self._listener: Listener | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections with Stepwell's own listener."""
        await super().startup(sockets)
        protocol_class: Any = self.config.http_protocol_class
        make = functools.partial(
            protocol_class,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        self._listener = Listener(self._listening, make, self._pool.make_room)
        self._listener.open()
        self._manager.ready()
        self._beside = [
            asyncio.create_task(self._manager.keep_alive()),
            asyncio.create_task(load_api()),
        ]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more connections, and finish requests that have arrived on the open ones."""
        for task in self._beside:
            task.cancel()
        if self._listener is not None:
            self._listener.close()
        self._listening.close()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop gracefully; uvicorn's own handler would let the signal end the process.

        A signal may arrive between any two lines, even while the loop sorts its timers, so anything
        that sets a timer is passed to the loop.
        """
        self._manager.stopping()
        self._loop.call_soon_threadsafe(self._stopping)
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


Alongside: TypeAlias = Callable[[Services, str], AbstractAsyncContextManager[None]]
"""A context that is open while the server serves; it is given the services and the address."""


def serve(settings: Settings, alongside: Alongside | None = None) -> int:
    """Serve until stopped; return the exit code."""
    make_steady()
    log_output.configure(settings.log_level, settings.log_format)
    # A thread that reads or commits waits this long, several times, for a loop that computes.
    sys.setswitchinterval(_SWITCH_S)
    gc.freeze()  # imported modules stay, so the collector need not scan them while serving
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
    """Return why the server cannot start, and what to do about it."""
    place = f"{settings.host}:{settings.port}"
    if isinstance(refused, socket.gaierror):
        return (
            f"{settings.host} cannot be found ({refused.strerror}): choose an address of this "
            "machine with --host"
        )
    match refused.errno:
        case errno.EADDRINUSE:
            return (
                f"port {settings.port} of {settings.host} is in use by another program: "
                "stop that one, or choose another port with --port"
            )
        case errno.EACCES if settings.port < _FIRST_FREE_PORT:
            return (
                f"{place} cannot be opened: ports below 1024 need a privilege; choose with --port"
            )
        case errno.EADDRNOTAVAIL:
            return f"{place} cannot be opened: this machine has no such address; choose with --host"
        case _:
            return str(FolderUnusable(settings.data, refused))


@contextlib.asynccontextmanager
async def _inviting(services: Services, address: str) -> AsyncIterator[None]:
    """Print where to make the owner, while there is none."""
    invite_owner(services, services.settings.public_url or address)
    yield


async def _serve(settings: Settings, alongside: Alongside) -> None:
    manager = ServiceManager()
    files = open_files(settings, raise_limit())
    if not files.is_enough:
        log.few_open_files(files.limit, files.needed, files.connections)
    pool = ConnectionPool(files.connections)
    listener = _listen(settings)
    host, port = listener.getsockname()[:2]
    address = own_address(host, port)
    try:
        async with working(settings) as services:
            gc.collect()
            gc.freeze()  # opened parts stay too: a full collection must not block the loop
            config = uvicorn.Config(
                application(services, address),
                lifespan="off",
                http=protocol(settings, pool, services.fair_loop),  # type: ignore[arg-type] # a class, but for its name
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=max(1, int(settings.shutdown_grace)),
            )
            server = _Server(config, listener, pool, services.let_go, manager)
            # Once an address is shown, whoever connects waits, and is not refused.
            listener.listen(config.backlog)
            async with alongside(services, address):
                log.server_started(address, SQLITE_VERSION)
                await server.serve(sockets=[])
            log.server_stopping()
    finally:
        listener.close()


def _listen(settings: Settings) -> socket.socket:
    """Take the port before the data folder is touched."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio sets TCP_NODELAY only if the protocol is named; without it answers wait 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError:
        listener.close()
        raise
    return listener
