"""A run that is in memory because something is happening to it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from app.definitions.versioned import DefinitionUnusable
from app.execution.live.conditions import Answered
from app.execution.live.run_lock import RunLock
from engine import AwaitChildren, Event, Execute, Graph, Input, Run, State, Stopped
from journal import Head, IdempotencyKey, Unavailable
from steps.contract.step_type import StepBroke
from steps.document.captions import Caption
from steps.document.compiled import Definition


class RunLost(Exception):
    """An append for this run had an unknown outcome; it is being read again.

    Attributes:
        is_before: True if the run was lost before anything was done for the caller.
    """

    def __init__(self, run_id: str, why: Unavailable | None, *, is_before: bool = False) -> None:
        """Take what kept the append from being stored, if that is known."""
        self.run_id, self.is_before = run_id, is_before
        unknown = (
            f"whether the last change to run {run_id} was stored is unknown; it is being read "
            "again, so ask for its status in a moment"
        )
        super().__init__(f"{why.what}: {unknown}" if why else unknown)


_EXECUTING = State.EXECUTING  # looked up once: access to an enum's members is slow

Due: TypeAlias = Execute | AwaitChildren
"""Why the driver executes a step: for the first time, or to look at its child runs."""


@dataclass(slots=True)
class InFlight:
    """The attempt that has begun and now waits for something; its outcome is decided once.

    Attributes:
        settled: Receives the outcome, or the failure that prevents one.
    """

    doing: Due
    work: asyncio.Task[Input]
    settled: Callable[[Input | BaseException], None]
    is_settled: bool = False

    def stop(self, grace_s: float) -> None:
        """Ask the step to stop, and stop waiting for it after `grace_s` seconds."""
        self.work.cancel()
        asyncio.get_running_loop().call_later(grace_s, self.abandon)

    def abandon(self) -> None:
        """Stop waiting: anything that the step still delivers is discarded."""
        self.settle(Stopped())

    def discard(self) -> None:
        """Stop the step without an outcome: a restart finds the attempt in flight."""
        self.is_settled = True
        self.work.cancel()

    def settle(self, outcome: Input | BaseException) -> None:
        """Pass the outcome on, unless there has been one."""
        if not self.is_settled:
            self.is_settled = True
            self.settled(outcome)


@dataclass(slots=True, eq=False)
class LiveRun:
    """One run in memory.

    Attributes:
        run: The fold of everything decided so far, including `pending`. It changes in place.
        head: Where the journal's copy ends; None before the first append.
        idempotency: The key of the request that starts this run, for the first append.
        pending: Events that have been decided and are not yet durable.
        lock: Held while events are decided and appended, never while a step waits.
        is_driven: True from when it is first driven until nothing in this process drives it.
        in_flight: The attempt that waits for something, if there is one.
        holders: How many coroutines hold this run in memory, not counting its driver.
        lost: True after an append with an unknown outcome; only the journal knows its state now.
        lost_by: Why the journal did not store that append.
        size: How many bytes the request had that started this run in this process.
        may_have_children: True if it has started child runs, or may have done so before it was
            read, of which its history has no event yet.
        is_notified: True if a child run has ended, paused or resumed, or a command has come, since
            the driver last looked.
        linger: The end of the driver's wait for such news, while it waits.
        caption: Its title and labels as stored in the journal, once they are known.
        steps_left: How many steps that do not act it may execute before others have a turn.
        is_ours: False for a copy that one command has of a run that another process drives.
        answered: Results of conditions, evaluated ahead for what is delivered next.
        is_leaving: True while its shard is given to another process: no further step begins here.
    """

    tenant: str
    run: Run
    head: Head | None
    definition: Definition | DefinitionUnusable
    idempotency: IdempotencyKey | None = None
    pending: list[Event] = field(default_factory=list)
    lock: RunLock = field(default_factory=RunLock)
    is_driven: bool = False
    in_flight: InFlight | None = None
    holders: int = 0
    lost: bool = False
    lost_by: Unavailable | None = None
    size: int = 0
    may_have_children: bool = False
    is_notified: bool = False
    linger: asyncio.TimerHandle | None = None
    caption: Caption | None = None
    steps_left: int = 0
    is_ours: bool = True
    is_leaving: bool = False
    answered: Answered | None = None

    @property
    def is_durable(self) -> bool:
        """True if all of `run` is on disk, even while an append is under way."""
        return self.head is not None and self.head.seq == self.run.seq

    def is_doing(self, doing: Due) -> bool:
        """Return whether the run is still in the attempt that has been executed."""
        visit = self.run.current
        return (
            visit is not None
            and (visit.step_id, visit.visit, visit.attempt)
            == (doing.step_id, doing.visit, doing.attempt)
            and (self.run.state is _EXECUTING or self.run.waits_for_children)
        )

    @property
    def usable(self) -> Definition:
        """The compiled definition. Raises `DefinitionUnusable`."""
        if isinstance(self.definition, DefinitionUnusable):
            raise self.definition
        return self.definition

    @property
    def graph(self) -> Graph:
        """The order of the steps. Raises `DefinitionUnusable`."""
        if isinstance(self.definition, DefinitionUnusable):
            raise self.definition
        return self.definition.graph


def left_step() -> StepBroke:
    """Return the error that stops the work of a step which the run has left; it is never shown."""
    return StepBroke("Stopped", "the run has left the step", retryable=False)
