"""Assembles the schedules and triggers of the server."""

import asyncio
from collections.abc import Callable

from app.events.hub import Hub
from app.execution.attempts.step_services import StepServices
from app.execution.execution import Execution
from app.execution.starting.admission import Admission
from app.triggers.kept_triggers import KeptTriggers
from app.triggers.keyed_starts import KeyedStarts
from app.triggers.receiving import Receiving
from app.triggers.run_ends import RunEnds
from app.triggers.scheduler import Scheduler
from app.triggers.schedules import Schedules
from engine.value import value
from journal import Journal


@value(frozen=True, slots=True)
class Triggers:
    """The parts of this package that the rest of the server uses.

    Attributes:
        scheduler: Fires schedules, in the background.
        kept: The stored triggers on requests, forms and ends of runs.
        receiving: Handles incoming requests.
        run_ends: Starts runs when others end, in the background.
    """

    starts: KeyedStarts
    schedules: Schedules
    scheduler: Scheduler
    kept: KeptTriggers
    receiving: Receiving
    run_ends: RunEnds

    def share(self, owns: Callable[[str], bool]) -> None:
        """Handle only what this process is responsible for, by name."""
        self.scheduler.owns = self.run_ends.owns = owns

    async def refresh(self) -> None:
        """Take over changes made by other processes. Raises journal errors."""
        self.kept.forget_all()
        self.scheduler.look()
        await self.run_ends.look_at_all()

    async def run(self) -> None:
        """Start what is due until cancelled."""
        await asyncio.gather(self.scheduler.run(), self.run_ends.run())


def open_triggers(
    parts: StepServices, journal: Journal, execution: Execution, admission: Admission, hub: Hub
) -> Triggers:
    """Assemble the parts that start runs without an API call."""
    clock, runs, signals = parts.clock, execution.runs, execution.signals
    secrets, files = parts.secrets, parts.files
    starts = KeyedStarts(parts.workflows, runs, admission, files)
    schedules = Schedules(journal, starts, clock)
    scheduler = Scheduler(journal, starts, runs, clock)
    schedules.on_change = scheduler.look
    kept = KeptTriggers(journal, starts, secrets.keyring, clock)
    receiving = Receiving(journal, starts, signals, secrets, files, clock)
    run_ends = RunEnds(journal, starts, signals, hub, clock)
    kept.on_change = run_ends.look
    return Triggers(starts, schedules, scheduler, kept, receiving, run_ends)
