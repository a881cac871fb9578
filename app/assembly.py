"""How the parts are put together, for the server and for a run on a laptop alike."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.auth.callers import Authenticator
from app.clock import Clock, SystemClock
from app.driver import Driver
from app.effects import LiveEffects
from app.files import Files
from app.held import Held
from app.http_client import HttpClient
from app.live import DefinitionUnusable
from app.recovery import Recovery
from app.runs import Runs
from app.services import Services
from app.settings import Settings
from app.storage import FolderStorage
from app.timers import Timers
from app.waiters import Waiters
from app.workflows import Workflows
from journal import Journal
from steps.compiled import Definition
from steps.contract import Effects
from steps.definition import InvalidDefinition
from steps.registry import Registry
from steps.tools import Tools


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Open the data folder and give everything that works on it; closes it at the end.

    Raises:
        JournalError: The folder is in use, damaged, or of a newer version.
        ToolLoadError: A plug-in cannot be loaded.
    """
    tools = Tools.load(settings.plugins)
    registry = Registry.standard(tools.step_types)
    clock: Clock = SystemClock()
    journal = await Journal.open(settings.data, synchronous=settings.synchronous)
    client = HttpClient(settings.allowed_networks)
    try:
        authenticator = Authenticator(journal, settings, clock)
        await authenticator.load()
        files = Files(journal, FolderStorage(settings.data / "files"), clock)
        workflows = Workflows(journal, registry, clock)

        def effects_of(tenant: str) -> Effects:
            return LiveEffects(clock, client, tools, files.reader(tenant))

        async def definition_of(tenant: str, workflow_id: str, version: str) -> Definition:
            try:
                _, definition = await workflows.compiled(tenant, workflow_id, version)
            except InvalidDefinition as invalid:
                raise DefinitionUnusable(workflow_id, version, str(invalid)) from invalid
            return definition

        waiters = Waiters()
        held = Held(journal, definition_of)
        runs: Runs
        timers: Timers
        runs = Runs(
            journal=journal,
            clock=clock,
            driver=Driver(journal, effects_of, clock, lambda live: runs.watch(live)),  # noqa: PLW0108 - they name each other
            held=held,
            waiters=waiters,
            cancel_grace_s=settings.cancel_grace,
            wake_timers=lambda at_ms: timers.wake(at_ms),  # noqa: PLW0108
            last_number=await journal.runs.last_number(),
        )
        timers = Timers(journal, clock, runs.fire)
        yield Services(
            settings=settings,
            clock=clock,
            journal=journal,
            authenticator=authenticator,
            registry=registry,
            tools=tools,
            files=files,
            workflows=workflows,
            runs=runs,
            timers=timers,
            recovery=Recovery(journal, runs),
        )
    finally:
        await client.close()
        tools.close()
        await journal.close()
