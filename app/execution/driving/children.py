"""Child runs: started a few at a time for a step that waits for them.

The state of the children is read from the list of runs, which each child updates in the transaction
of its own events; it is stored nowhere else. Looking again is therefore always safe: after a
restart, after a child has ended, or when nothing has happened.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from itertools import islice
from typing import TypeAlias

from app.concurrency.shield import shielded
from app.definitions.versioned import DefinitionUnusable
from app.definitions.workflows import Workflows
from app.execution.driving.child_input import Called, checked_input
from app.execution.live.live_run import Due, LiveRun, left_step
from app.execution.starting.new_run import NewRun
from app.execution.starting.starts import Starts
from app.execution.usage import usage_of
from app.secrets.sensitive import hidden_fields, shown_data
from engine import Json, JsonObject, Parent, Pause, Run, RunError, Starter, Status
from journal import (
    Archived,
    ChildRow,
    Conflict,
    Family,
    IdempotencyKey,
    Journal,
    UnknownVersion,
    UnknownWorkflow,
)
from steps.contract.step_type import StepBroke
from steps.document.bodies import LOCAL, inline_path
from steps.document.compiled import Definition
from steps.document.problems import InvalidDefinition
from steps.effects.child_runs import ChildEnd, ChildPlan, ChildrenEnded, ChildrenOpen, ChildRun

DEEPEST = 20
"""How many ancestors a run may have."""

_READ_AT_ONCE = 64

_FAILED = frozenset({Status.FAILED, Status.CANCELLED, Status.TERMINATED})

_COPIED = 500
"""Up to about this many characters, a child run gets a copy of its data: a query would cost more.
"""

_LONGEST_ID = 200
_NONE = "0.0.0"
_Which: TypeAlias = tuple[str, str | None, frozenset[int]]
"""The version of a child run whose workflow cannot be started; the run exists to report that."""


class Children:
    """Starts the child runs of all runs and reads their state.

    Attributes:
        on_left: Called with the id of a run that has left the step while its children started.
        on_enough: Called with a run, the ids of all its open child runs, which are no longer
            needed because enough have completed, and whether they may continue by themselves.
        may_go_on: Says whether a paused child run may continue at once by itself; the parent is
            told if it does not.
    """

    def __init__(self, journal: Journal, workflows: Workflows, starts: Starts) -> None:
        self.on_left: list[Callable[[str], None]] = []
        self.on_enough: list[Callable[[str, Sequence[str], bool], None]] = []
        self.may_go_on: Callable[[str], bool] = lambda _: False
        self._journal = journal
        self._workflows = workflows
        self._starts = starts

    async def gather(
        self, live: LiveRun, doing: Due, plan: ChildPlan
    ) -> ChildrenEnded | ChildrenOpen:
        """Start the children of a plan that are due, and return the state of all of them.

        Raises `StepBroke` if a child cannot be started, or if the run has left the attempt, because
        its children would then be taken for those of another step.
        """
        run, attempt = live.run.copy(), doing.attempt
        if not live.is_doing(doing):
            raise left_step()
        family = Family(run.id, run.executions, plan.first, plan.total)
        if plan.ends_at_failure and (failed := await self._failed(family, attempt, 1)):
            return failed
        is_open = [
            row for row in await self._journal.children.open(family) if row.attempt == attempt
        ]
        if plan.enough is not None and (
            stand := await self._enough(family, attempt, plan, is_open)
        ):
            return stand
        due = await self._due(family, attempt, plan, plan.concurrency - len(is_open))
        if due and run.parent and await self._journal.children.is_left(run.id):
            # This run will be stopped too. Until then it starts nothing: workflows that call
            # themselves would multiply faster than they can be stopped.
            return ChildrenOpen(plan.first + plan.total)
        if due:
            # A start that is cut off when the step is stopped would leave a run that may or may not
            # exist.
            await shielded(self._begin(live, doing, run, plan, due))
        elif not is_open:
            return await self._ended(family)
        total = plan.first + plan.total
        if due or any(
            row.status == Status.RUNNING or self.may_go_on(row.run_id) for row in is_open
        ):
            return ChildrenOpen(total)
        return ChildrenOpen(total, await self._pause_of(is_open[0]))

    async def _enough(
        self, family: Family, attempt: int, plan: ChildPlan, is_open: list[ChildRow]
    ) -> ChildrenEnded | ChildrenOpen | None:
        """Return the outcome if enough have completed, or if too few still can; else None.

        The answer is not stored. Asking twice is harmless: a completed child run stays completed,
        and a child that is asked more than once to stop, or to continue by itself, does so once.
        """
        completed, failed = await self._tally(family, attempt, plan)
        if plan.has_enough(completed):
            if not is_open:
                return await self._ended(family)
            for heard in self.on_enough:
                heard(family.parent_id, [row.run_id for row in is_open], plan.others_go_on)
            return ChildrenOpen(plan.first + plan.total)
        if not plan.is_out_of_reach(failed):
            return None
        return await self._failed(family, attempt, plan.total) or ChildrenEnded([])

    async def _tally(
        self, family: Family, attempt: int, plan: ChildPlan
    ) -> tuple[Collection[int], Collection[int]]:
        """Return which items have completed and which have failed in this attempt.

        If the plan needs only their numbers, ranges of the right length stand in for them.
        """
        if not plan.tells_apart:
            completed, failed = await self._journal.children.tally(family, attempt)
            return range(completed), range(failed)
        rows = await self._journal.children.newest(family)
        ended = [row for row in rows if row.attempt == attempt and row.status in _FAILED]
        return _completed(rows), {row.item for row in ended}

    async def _ended(self, family: Family) -> ChildrenEnded:
        left = {row.item: row.run_id for row in await self._journal.children.detached(family)}
        return ChildrenEnded(await self._ends(family), left)

    async def _failed(self, family: Family, attempt: int, limit: int) -> ChildrenEnded | None:
        rows = await self._journal.children.failed(family, attempt, limit)
        return ChildrenEnded(await self._all(rows)) if rows else None

    async def _due(self, family: Family, attempt: int, plan: ChildPlan, free: int) -> list[int]:
        """Return the next items to start; items that an earlier attempt completed are skipped."""
        if free <= 0:
            return []
        if plan.needs:
            rows = await self._journal.children.newest(family)
            done = _completed(rows)
            begun = {row.item for row in rows if row.attempt == attempt} | done
            items = (item for item in range(plan.total) if item not in begun)
            return list(islice((one for one in items if plan.is_ready(one, done)), free))
        last = await self._journal.children.last_item(family, attempt)
        begin = family.first if last is None else last + 1
        done = await self._journal.children.completed_items(family) if attempt > 1 else set()
        every = range(begin, plan.first + plan.total)
        return list(islice((item for item in every if item not in done), free))

    async def _begin(
        self, live: LiveRun, doing: Due, run: Run, plan: ChildPlan, items: list[int]
    ) -> None:
        """Start children, all or none, so that the items with a child have no gap.

        If the run has left the attempt meanwhile, the children are stopped again.
        """
        known: dict[_Which, Called] = {}
        news = []
        for item in items:
            news.append(await self._new(live, run, plan, item, known))
            await asyncio.sleep(0)  # many small ones take long together
        if not live.is_doing(doing):
            raise left_step()  # its history, and what would stop them, may be gone already
        live.may_have_children = True
        try:
            with contextlib.suppress(Conflict):  # a lost copy of the run has started them
                await self._starts.start_together(news)
        finally:
            if live.lost or not live.is_doing(doing):
                for heard in self.on_left:
                    heard(run.id)

    async def _wanted(self, run: Run, plan: ChildPlan, item: int) -> ChildRun:
        results: dict[int, Json] = {}
        if needed := plan.needs.get(item):
            rows = await self._journal.children.newest(
                Family(run.id, run.executions, plan.first, plan.total)
            )
            ends = await self._all([row for row in rows if row.item in needed])
            results = {end.number: end.result for end in ends}
        return await plan.child_run(item, results)

    async def _new(
        self,
        live: LiveRun,
        run: Run,
        plan: ChildPlan,
        item: int,
        known: dict[_Which, Called],
    ) -> NewRun:
        wanted = await self._wanted(run, plan, item)
        alike = plan.alike.get(item, frozenset())
        which = (wanted.workflow_id, wanted.version, alike)
        if which not in known:
            known[which] = await self._called(live, run, wanted, alike)
        called = known[which]
        if plan.ends_at_failure and called.refused and wanted.refused is None:
            raise StepBroke(called.refused.type, called.refused.message, retryable=False)
        depth = _below(run)
        assert run.current is not None  # noqa: S101 - a step that waits is in a visit
        parent = Parent(
            run.id, run.current.step_id, run.executions, run.current.attempt, item, depth
        )
        data, refused = await checked_input(self._journal, live.tenant, called, wanted)
        inherited: JsonObject | None = None
        if wanted.inherits:
            inherited = run.data if _is_worth_naming(run.data) else None
            data = {**({} if inherited else run.data), **hidden_fields(run.data), **data}
        return NewRun(
            live.tenant, called.workflow_id, called.version, called.definition, data, run.caller,
            run.context, parent=parent, refused=refused, inherited=inherited,
            vars=run.vars if wanted.is_inline else None,
        )  # fmt: skip

    async def start_detached(
        self, live: LiveRun, doing: Due, wanted: ChildRun, number: int, like: str | None
    ) -> str:
        """Start a run that the step does not wait for, once a visit; return its id.

        It uses the version of the run `like`, if that is one of the same workflow. Raises
        `StepBroke` if it cannot be started.
        """
        run = live.run.copy()
        called = await self._called(live, run, wanted, like=like)
        data, refused = await checked_input(self._journal, live.tenant, called, wanted)
        if refused:
            raise StepBroke(refused.type, refused.message, retryable=False)
        key = IdempotencyKey(f"step:{doing.idempotency_key(run.id)}:{number}", "")
        new = NewRun(
            live.tenant, called.workflow_id, called.version, called.definition, data, run.caller,
            run.context, idempotency=key, starter=Starter(run.id, doing.step_id, _below(run)),
        )  # fmt: skip
        return await self._starts.start_detached(new)

    async def _called(
        self,
        live: LiveRun,
        run: Run,
        wanted: ChildRun,
        alike: frozenset[int] = frozenset(),
        like: str | None = None,
    ) -> Called:
        """Return the workflow that an execution of a step calls, in the version it first called.

        Only calls by the items `alike` count, if there are any, or that of the run `like`.
        """
        tenant, workflow_id, version = live.tenant, wanted.workflow_id, wanted.version
        try:
            if wanted.is_inline or workflow_id.startswith(LOCAL):
                return Called(run.workflow_id, run.version, _body(live, run, wanted))
            children = self._journal.children
            if like is not None:
                begun = await children.version_like(like, workflow_id)
            else:
                begun = await children.version_of(run.id, run.executions, workflow_id, alike)
            if begun not in (None, _NONE):
                definition = await self._workflows.pinned(tenant, workflow_id, begun)
                return Called(workflow_id, begun, definition)
            row, definition = await self._workflows.startable(tenant, workflow_id, version)
            return Called(row.id, row.version, definition)
        except DefinitionUnusable as unusable:
            why = unusable
        except (UnknownWorkflow, UnknownVersion, Archived, InvalidDefinition) as unknown:
            why = DefinitionUnusable(workflow_id, _NONE, str(unknown))
        error = RunError(None, "UnknownWorkflow", why.why, retryable=False)
        return Called(workflow_id[:_LONGEST_ID], _NONE, why, error)

    async def _ends(self, family: Family) -> list[ChildEnd]:
        rows = await self._journal.children.newest(family)
        return await self._all(rows)

    async def _all(self, rows: Sequence[ChildRow]) -> list[ChildEnd]:
        ends: list[ChildEnd] = []
        for at in range(0, len(rows), _READ_AT_ONCE):
            some = rows[at : at + _READ_AT_ONCE]
            ends += await asyncio.gather(*(self._end(row) for row in some))
        return ends

    async def _end(self, row: ChildRow) -> ChildEnd:
        _, run = await self._journal.events.run(row.run_id)
        error = run.error
        if run.status in (Status.CANCELLED, Status.TERMINATED):
            reason = f" ({run.reason})" if run.reason else ""
            kind = "ChildCancelled" if run.status is Status.CANCELLED else "ChildTerminated"
            error = RunError(None, kind, f"the run was {run.status}{reason}")
        data, usage = shown_data(run.data), usage_of(run.history)
        return ChildEnd(run.id, data, run.result, error, usage, row.item)

    async def _pause_of(self, row: ChildRow) -> Pause | None:
        """Return what a paused child asks, and the run that asks; None if it has been answered."""
        _, run = await self._journal.events.run(row.run_id)
        if run.pause is None:
            return None
        shown = run.pause.shown(run.id, run.pause_seq)
        body: JsonObject = {name: item for name, item in shown.items() if name != "type"}
        return Pause(run.pause.type, {**body, "runId": body.get("runId", run.id)}, run_id=run.id)


def _completed(rows: Sequence[ChildRow]) -> set[int]:
    return {row.item for row in rows if row.status == Status.COMPLETED}


def _below(run: Run) -> int:
    """Return the depth of a run that `run` starts. Raises `StepBroke` if that is too deep."""
    if run.depth >= DEEPEST:
        message = (
            f"this run is nested {DEEPEST} runs deep, which is the limit: "
            f"does workflow {run.workflow_id} call itself endlessly?"
        )
        raise StepBroke("TooDeep", message, retryable=False)
    return run.depth + 1


def _body(live: LiveRun, run: Run, wanted: ChildRun) -> Definition:
    """Return the requested body from the run's own document. Raises `DefinitionUnusable`."""
    whole, path = live.usable, wanted.workflow_id
    if wanted.is_inline:
        path = inline_path(whole.path, run.current_step_id or "", path)
    if path not in whole.bodies:
        raise DefinitionUnusable(run.workflow_id, run.version, f"the document has no {path}")
    return whole.bodies[path]


def _is_worth_naming(data: JsonObject) -> bool:
    """Return whether data is so large that it is read from the parent's history and not copied."""
    characters, todo = 0, list[Json]([data])
    while todo and characters < _COPIED:
        value = todo.pop()
        characters += 8
        if isinstance(value, str):
            characters += len(value)
        elif isinstance(value, list):
            todo += value[:_COPIED]
        elif isinstance(value, dict):
            characters += 8 * len(value)
            todo += islice(value.values(), _COPIED)
    return characters >= _COPIED
