"""How long what a run is doing may take to stop: its step, or the child runs that it waits for."""

from dataclasses import replace

from app.definitions.versioned import DefinitionUnusable
from app.definitions.workflows import Workflows
from app.execution.live.live_run import LiveRun
from engine import Broke, Stopped
from journal import Journal

_LONGEST_STOP_MS = 86_400_000
"""How long a child run without a `timeout` may take to stop, in milliseconds."""


class Stopping:
    """Says what has to stop before a run may go on, and for how long that is waited for.

    Attributes:
        grace_s: How many seconds a step may take to stop once it has been asked to.
    """

    def __init__(self, journal: Journal, workflows: Workflows, grace_s: float) -> None:
        self.grace_s = grace_s
        self._grace_ms = round(grace_s * 1_000)
        self._children = journal.children
        self._workflows = workflows

    def ask_step(self, live: LiveRun) -> None:
        """Ask the step in flight, if there is one, to stop within its grace."""
        if live.in_flight:
            live.in_flight.stop(self.grace_s)

    async def has_open_children(self, live: LiveRun) -> bool:
        """Return whether child runs that steps of the run have started are open."""
        return live.may_have_children and await self._children.any_open(live.run.id)

    async def grace_ms(self, live: LiveRun) -> int:
        """Return how many milliseconds the run's step, or its child runs, may take to stop."""
        return await self._of_children_ms(live) if live.run.waits_for_children else self._grace_ms

    async def with_time(self, live: LiveRun, ended: Broke | Stopped) -> Broke | Stopped:
        """Return how a step ended, with the time that its child runs may take to stop."""
        if not await self.has_open_children(live):
            return ended
        return replace(ended, grace_ms=await self._of_children_ms(live))

    async def _of_children_ms(self, live: LiveRun) -> int:
        """Return how long the open child runs of a run may take to stop, including their clean-up.

        In milliseconds: the longest of their `timeout`s, where one without a `timeout` counts as a
        day, and at least the grace of a step.
        """
        most = self._grace_ms
        for which in await self._children.open_definitions(live.run.id):
            try:
                definition = await self._workflows.pinned(live.tenant, *which)
            except DefinitionUnusable:
                continue  # it has no clean-up
            limit_ms = definition.graph.timeout_ms
            most = max(most, _LONGEST_STOP_MS if limit_ms is None else limit_ms)
        return most
