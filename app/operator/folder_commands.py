"""An operator's command on a folder, carried out by its server or by this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, get_args

from app.assembly import open_services
from app.clock import SystemClock
from app.execution.commands.bulk import Action
from app.opening import open_journal
from app.operator.commands import OperatorContext, operate
from app.operator.data_folder import Progress, carried_out, must_exist
from app.services import Services
from app.settings.server import Settings
from steps.registry import Registry
from steps.tools.tools import Tools

_STOPS = tuple(f"runs.{action}" for action in get_args(Action))


async def ask(settings: Settings, command: str, given: dict[str, Any], tell: Progress) -> Any:
    """Carry out one of the operator's commands and return its answer. Raises `CommandFailed`."""
    must_exist(settings.data)

    async def here() -> dict[str, Any]:
        async with _place(settings, command) as place:
            return await operate(place, command, given, tell)

    return await carried_out(settings.data, command, given, tell, here)


def operator_context(services: Services) -> OperatorContext:
    """Return the context for commands in the folder of a running server."""
    return OperatorContext(
        services.journal, services.settings, services.clock, services.registry, services.bulk,
        services.files, services.clock_watch,
    )  # fmt: skip


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
