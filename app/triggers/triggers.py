"""How the parts of this room are put together."""

import asyncio
from collections.abc import Callable

from app.events.hub import Hub
from app.execution.attempts.step_services import StepServices
from app.execution.execution import Execution
from app.execution.starting.admission import Admission
from app.triggers.kept_triggers import KeptTriggers
from app.triggers.receiving import Receiving
from app.triggers.run_ends import RunEnds
from app.triggers.scheduler import Scheduler
from app.triggers.schedules import Schedules
from app.triggers.starting import Starter
from engine.value import value
from journal import Journal


@value(frozen=True, slots=True)
class Triggers:
    """What the rest of the server has of this room.

    Attributes:
        scheduler: Fires schedules, in the background.
        kept: The triggers on requests, forms and ends of runs.
        receiving: What becomes of requests.
        run_ends: Starts what ends of runs start, in the background.
    """

    starter: Starter
    schedules: Schedules
    scheduler: Scheduler
    kept: KeptTriggers
    receiving: Receiving
    run_ends: RunEnds

    def share(self, owns: Callable[[str], bool]) -> None:
        """Start only what is this process's, by its name."""
        self.scheduler.owns = self.run_ends.owns = owns

    async def refresh(self) -> None:
        """Take in what other processes have changed. Raises journal errors."""
        self.kept.forget_all()
        self.scheduler.look()
        await self.run_ends.look_at_all()

    async def run(self) -> None:
        """Start what is due until cancelled."""
        await asyncio.gather(self.scheduler.run(), self.run_ends.run())


def open_triggers(
    parts: StepServices, journal: Journal, execution: Execution, admission: Admission, hub: Hub
) -> Triggers:
    """Put together what starts runs without a request to the API."""
    clock, runs, signals = parts.clock, execution.runs, execution.signals
    secrets, files = parts.secrets, parts.files
    starter = Starter(parts.workflows, runs, admission)
    schedules = Schedules(journal, starter, clock)
    scheduler = Scheduler(journal, starter, runs, clock)
    schedules.on_change = scheduler.look
    kept = KeptTriggers(journal, starter, secrets.keyring, clock)
    receiving = Receiving(journal, starter, signals, secrets, files, clock)
    run_ends = RunEnds(journal, starter, signals, hub, clock)
    kept.on_change = run_ends.look
    return Triggers(starter, schedules, scheduler, kept, receiving, run_ends)
