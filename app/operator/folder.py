"""An operator's command on a folder, carried out by its server or by this process."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, get_args

from app.assembly import open_services
from app.clock import SystemClock
from app.execution.commands.bulk import Action
from app.opening import open_journal
from app.operator.commands import OperatorContext, Progress
from app.operator.control_socket import must_exist, operated, send
from app.operator.errors import CommandFailed
from app.services import Services
from app.settings.server import Settings
from journal import JournalError, Locked
from steps.registry import Registry
from steps.tools.tools import Tools

_PATIENCE_S = 5.0
_STOPS = tuple(f"runs.{action}" for action in get_args(Action))


async def ask(settings: Settings, command: str, given: dict[str, Any], tell: Progress) -> Any:
    """Carry out one of the operator's commands and return its answer. Raises `CommandFailed`."""
    must_exist(settings.data)
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            async with _place(settings, command) as place:
                return await operated(place, command, given, tell)
        except Locked as locked:
            answer = await send(settings.data, command, given, tell)
            if answer is not None:
                return answer
            if time.monotonic() > until:
                raise CommandFailed(f"{locked}, or try again: it does not answer") from locked
            await asyncio.sleep(0.1)
        except JournalError as refused:
            raise CommandFailed(str(refused)) from refused


def operator_context(services: Services) -> OperatorContext:
    """Return the context for commands in the folder of a running server."""
    return OperatorContext(
        services.journal, services.settings, services.clock, services.registry, services.bulk
    )


@asynccontextmanager
async def _place(settings: Settings, command: str) -> AsyncIterator[OperatorContext]:
    """Open the folder. Runs are stopped without executing steps: the next server continues them."""
    if command in _STOPS:
        bare = settings.model_copy(update={"mcp_servers": {}, "storage": "folder"})
        async with open_services(bare) as services:
            services.runs.let_go()
            try:
                yield operator_context(services)
            finally:
                await services.runs.close(grace_s=1)
        return
    tools = Tools.load(settings.plugins)
    journal = await open_journal(settings)
    try:
        registry = Registry.standard(tools.step_types)
        yield OperatorContext(journal, settings, SystemClock(), registry)
    finally:
        await journal.close()
