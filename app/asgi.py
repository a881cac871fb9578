"""The server's life from start to stop, and the ASGI application for other ASGI servers.

`stepwell serve` is the usual way to serve: it limits connections and headers. Another ASGI server
can load `app.asgi:app`, with the settings from the environment:

    STEPWELL_DATA=/srv/stepwell hypercorn --workers 0 app.asgi:app

Run one process only, since a data folder has one journal. Without `--workers 0` hypercorn serves
from a second process, which it does not tell of a stop: open streams of events delay it, and are
cut off. Stepwell enforces some limits only in its own server; another server must enforce them
itself: limits for headers and connections, and disconnecting a client that does not read.
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from types import FrameType

from starlette.types import ASGIApp, Receive, Scope, Send

from app.assembly import open_services
from app.auth.first_owner import PATH, TENANT
from app.operator.control_socket import Control
from app.operator.folder_commands import operator_context
from app.services import Services
from app.settings.server import Settings, load
from app.telemetry import log, log_output
from app.telemetry.background_work import kept_up
from app.telemetry.blocked_step import process_end
from app.telemetry.loop_lag import LoopLag
from app.upkeep.housekeeping import Housekeeping
from app.upkeep.retention import Retention
from app.upkeep.search_words import SearchWords
from app.web.application import application, load_api
from app.web.readiness import watch_journal
from journal import SQLITE_VERSION, JournalError

_NOTE_USE_EVERY_S = 30
_LAST_WORDS_S = 2.0


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[Services]:
    """Open the data folder; recover runs, fire timers and take commands until the block ends."""
    async with open_services(settings) as services, _at_work(services):
        yield services
        services.culprit.nobody()


class App:
    """An ASGI application that opens its services when the server starts it."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or run the lifespan for as long as the server runs."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and self._app is not None:
            await self._app(scope, receive, send)
        else:
            raise ValueError(f"no {scope['type']} is served here, or the server has no lifespan")

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with AsyncExitStack() as stack:
            try:
                settings = self._settings()
                log_output.configure(settings.log_level, settings.log_format)
                services = await stack.enter_async_context(working(settings))
            except Exception as failure:  # noqa: BLE001 - the server says it and ends
                await send({"type": "lifespan.startup.failed", "message": str(failure)})
                return
            address = settings.public_url or f"http://{settings.host}:{settings.port}"
            self._app = application(services, address)
            invite_owner(services, address)
            log.server_started(address, SQLITE_VERSION)
            await send({"type": "lifespan.startup.complete"})
            loading = asyncio.create_task(load_api())
            with _at_signal(services.let_go):
                await receive()
            loading.cancel()
            log.server_stopping()
            self._app = None
            services.let_go()
        await send({"type": "lifespan.shutdown.complete"})


app = App(lambda: load({}).settings)


@contextmanager
def _at_signal(stopping: Callable[[], None]) -> Iterator[None]:
    """Call `stopping` when a signal asks for a stop, then the server's own handler.

    A server ends the lifespan only after all requests, and a stream of events has no end until it
    is told of the stop.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    loop = asyncio.get_running_loop()
    own = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def asked(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stopping)
        if callable(handler := own[signal.Signals(number)]):
            handler(number, frame)

    handled = [number for number, handler in own.items() if callable(handler)]
    for number in handled:
        signal.signal(number, asked)
    try:
        yield
    finally:
        for number in handled:
            if signal.getsignal(number) is asked:
                signal.signal(number, own[number])


@asynccontextmanager
async def _at_work(services: Services) -> AsyncIterator[None]:
    place = operator_context(services)
    retention = Retention(services.journal, services.settings, services.clock_watch)
    every_s = services.settings.housekeeping_interval
    keeping = Housekeeping(services.journal, retention, services.clock_watch, every_s)
    words = SearchWords(services.journal, services.workflows, is_on=services.settings.search_data)
    control = Control(place, services.authenticator, services.secrets, services.clock)
    await control.open(services.settings.data)
    if (sharing := services.sharing) is not None:
        keeping.is_here = lambda: sharing.owns_name("upkeep")
        words.is_here = lambda: sharing.owns_name("search")
        await sharing.open()
    await services.webhooks.start()
    works: tuple[Callable[[], Awaitable[None]], ...] = (
        services.recovery.run,
        services.timers.run,
        services.triggers.run,
        services.signals.run,
        services.places.run,
        partial(_note_use, services),
        _loop_lag(services).run,
        keeping.run,
        words.run,
        services.files.watch,
        partial(watch_journal, services.journal.health, services.culprit),
    )
    tasks = [asyncio.create_task(kept_up(work)) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await services.webhooks.close()
        await _leave(services, services.settings.shutdown_grace)
        await control.close()
        with contextlib.suppress(JournalError):
            await services.authenticator.flush_used()
        await services.clock_watch.keep()


async def _leave(services: Services, grace_s: float) -> None:
    """Let steps in flight finish, and hand runs over to other processes as they become idle."""
    if services.sharing is None:
        await services.runs.close(grace_s)
        return
    leaving = asyncio.create_task(services.sharing.leave(grace_s + _LAST_WORDS_S))
    await services.runs.close(grace_s)
    await leaving
    await services.sharing.close()


def _loop_lag(services: Services) -> LoopLag:
    settings, end = services.settings, process_end(services.culprit.hold_against)
    return LoopLag(services.counters, settings.stall_warning, settings.blocked_step_limit, end)


async def _note_use(services: Services) -> None:
    while True:
        await asyncio.sleep(_NOTE_USE_EVERY_S)
        with contextlib.suppress(JournalError):
            await services.authenticator.flush_used()


def invite_owner(services: Services, address: str) -> None:
    """Where no owner can sign in, print the address of the page that makes one, and its code."""
    is_new = not services.authenticator.has_keys and not services.authenticator.people.is_anybody
    code = services.first_owner.new_code()
    if code is None:
        return
    if is_new:
        # A wrong path or a disk that is not mounted must not be mistaken for a first start.
        print(f"New data folder: {services.settings.data.absolute()}", flush=True)  # noqa: T201
    folder = str(services.settings.data.absolute())
    named = f"'{folder}'" if " " in folder else folder
    print(  # noqa: T201 - it is for the terminal alone
        f"No owner can sign in yet. Make one at {address}{PATH} with the code {code} "
        f"(Owner key for programs: stepwell key create --tenant {TENANT} --role owner "
        f"--data {named})",
        flush=True,
    )
