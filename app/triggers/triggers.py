"""How the parts of this room are put together."""

from dataclasses import dataclass

from app.clock import Clock
from app.definitions.workflows import Workflows
from app.execution.admission import Admission
from app.execution.runs import Runs
from app.triggers.scheduler import Scheduler
from app.triggers.schedules import Schedules
from app.triggers.starting import Starter
from journal import Journal


@dataclass(frozen=True, slots=True)
class Triggers:
    """What the rest of the server has of this room.

    Attributes:
        scheduler: To be run in the background.
    """

    starter: Starter
    schedules: Schedules
    scheduler: Scheduler

    async def run(self) -> None:
        """Start what is due until cancelled."""
        await self.scheduler.run()


def open_triggers(
    journal: Journal, clock: Clock, workflows: Workflows, runs: Runs, admission: Admission
) -> Triggers:
    """Put together what starts runs without a request."""
    starter = Starter(workflows, runs, admission)
    schedules = Schedules(journal, starter, clock)
    scheduler = Scheduler(journal, starter, runs, clock)
    schedules.on_change = scheduler.look
    return Triggers(starter, schedules, scheduler)
