"""Reruns: from which step of which run, with what data and in which version."""

from dataclasses import replace
from typing import Literal

from app.auth.caller import Caller
from app.concurrency.offload import offload
from app.definitions.invocations import is_invocation
from app.definitions.replays import is_replay
from app.definitions.workflows import Workflows
from app.execution.answering.repair_lookups import files_must_exist
from app.execution.commands.reruns import DoneEarlier, Entered, NotOver, entered, rerun, with_calls
from app.execution.commands.runs import Runs
from app.execution.starting.admission import Admission
from app.execution.starting.new_run import NewRun
from engine import Event, JsonObject, Rejected, Run, RunStarted, Status, fold
from engine.value import value
from journal import DuplicateStart, IdempotencyKey, Journal
from steps.checking.changed_steps import ChangedStep, changed_keys, changed_steps
from steps.contract.step_type import InvalidAnswer, Problem
from steps.document.bodies import body_at
from steps.document.compiled import Definition
from steps.language.nearest import did_you_mean

Begin = Literal["failure", "start"]


class NothingFailed(NotOver):
    """The run has completed, so there is no step at which it failed."""

    def __init__(self, run_id: str) -> None:
        Exception.__init__(self, f"run {run_id} has completed, so no step of it has failed")


class OperationReused(Rejected):
    """The name of a bulk rerun has been used for a different one."""

    def __init__(self, operation: str) -> None:
        super().__init__(f"operation {operation} names another rerun; give this one a new name")


@value(frozen=True, slots=True)
class Again:
    """How a run is to be run again.

    Attributes:
        step_id: From which step; None: as `begin` says.
        visit: Which visit of it; None: the last.
        begin: Without a step, from where it failed or was stopped, or from its beginning.
        edits: Fields that replace those with which it entered the step.
        keep_calls: Whether the work that the step had finished is kept.
        version: The workflow version of the new run; None: the same.
        reason: Why, for the history of the new run.
    """

    step_id: str | None = None
    visit: int | None = None
    begin: Begin = "failure"
    edits: "JsonObject | None" = None
    keep_calls: bool = False
    version: str | None = None
    reason: str | None = None


@value(frozen=True, slots=True)
class Rerun:
    """A rerun that has been prepared and not started yet.

    Attributes:
        new: What would be started.
        changed: The steps that differ in its version.
        changed_besides: The other keys of the document that differ.
        done: The steps that are not repeated.
        missing: Inputs that its version requires and that its data does not have.
    """

    new: NewRun
    changed: list[ChangedStep]
    changed_besides: list[str]
    done: frozenset[str]
    missing: tuple[str, ...] = ()


class Reruns:
    """Runs ended runs again."""

    def __init__(
        self, journal: Journal, workflows: Workflows, runs: Runs, admission: Admission
    ) -> None:
        self._journal = journal
        self._workflows = workflows
        self._runs = runs
        self._admission = admission

    async def prepare(
        self,
        tenant: str,
        run_id: str,
        again: Again,
        caller: Caller,
        idempotency: IdempotencyKey | None,
    ) -> Rerun:
        """Prepare a rerun without starting it.

        Raises:
            UnknownRun: There is no such run.
            NotOver: It has not ended, or has not failed.
            InvalidAnswer: The step, the version or the data do not fit.
            NotFound: There is no such version.
        """
        _, events = await self._journal.events.read(run_id, tenant)
        run = await offload(lambda: fold(events))
        if not run.is_over:
            raise NotOver(run.id, run.status.value)
        step_id = again.step_id or _begins(run, events, again.begin)
        try:
            before = await offload(lambda: entered(events, step_id, again.visit))
        except DoneEarlier as elsewhere:
            raise await refusal_of(self._journal, tenant, elsewhere) from elsewhere
        version, definition, changed, besides = await self._version(tenant, run, again, step_id)
        edits = again.edits or {}
        await files_must_exist(self._journal, tenant, definition, edits)
        new = rerun(tenant, before, step_id, edits, definition, caller, idempotency)
        assert new.beginning is not None  # noqa: S101 - `rerun` has made it
        origin = replace(
            new.beginning.origin,
            version=run.version if version != run.version else None,
            reason=again.reason,
        )
        new = replace(new, version=version, beginning=replace(new.beginning, origin=origin))
        missing: tuple[str, ...] = ()
        if version != run.version:
            new = replace(new, data=definition.payload.with_defaults(new.data))
            missing = tuple(definition.payload.missing(new.data))
        if again.keep_calls:
            new = await offload(lambda: with_calls(new, events, before))
        return Rerun(new, changed, besides, _done(before), missing)

    async def start(self, made: Rerun) -> str:
        """Start it and return the id of the new run.

        Raises `InvalidAnswer`, `DuplicateStart`, `Overloaded`.
        """
        if made.missing:
            raise InvalidAnswer(
                [
                    Problem(f"data.{name}", f"is required by version {made.new.version}; give it")
                    for name in made.missing
                ]
            )
        with self._admission.starting(made.new.tenant, 0):
            started, _ = await self._runs.start(made.new, wait=False)
        return started.id

    async def once(self, tenant: str, run_id: str, again: Again, caller: Caller, key: str) -> None:
        """Run a run again, unless that has been done under this key. Raises as `prepare`."""
        idempotency = IdempotencyKey(f"rerun:{key}:{run_id}", repr(again))
        try:
            await self.start(await self.prepare(tenant, run_id, again, caller, idempotency))
        except DuplicateStart as duplicate:
            if not duplicate.same:
                raise OperationReused(key) from duplicate

    async def _version(
        self, tenant: str, run: Run, again: Again, step_id: str
    ) -> tuple[str, Definition, list[ChangedStep], list[str]]:
        if again.version is None:
            pinned = await self._workflows.pinned(tenant, run.workflow_id, run.version, run.body)
            return run.version, pinned, [], []
        if is_invocation(run.workflow_id) or is_replay(run.workflow_id):
            raise _unfit("a run of an agent without a workflow has no other version")
        old = await self._workflows.chosen(tenant, run.workflow_id, run.version)
        row = await self._workflows.chosen(tenant, run.workflow_id, again.version)
        whole = await self._workflows.compile_row(tenant, row)
        try:
            definition = whole.bodies[run.body] if run.body else whole
            before, after = (body_at(one.definition, run.body) for one in (old, row))
        except KeyError as unknown:
            raise _unfit(f"version {row.version} has no body {run.body}") from unknown
        if step_id not in definition.steps:
            hint = did_you_mean(step_id, definition.steps)
            raise _unfit(f"version {row.version} has no step {step_id}{hint}; name a step it has")
        return row.version, definition, changed_steps(before, after), changed_keys(before, after)


async def refusal_of(journal: Journal, tenant: str, elsewhere: DoneEarlier) -> InvalidAnswer:
    """Return what to tell a caller who has named a visit that another run did."""
    is_there = await journal.runs.known(tenant, [elsewhere.run_id])
    return elsewhere.refusal(is_deleted=not is_there)


def _begins(run: Run, events: list[Event], begin: Begin) -> str:
    """Return the step from which a run is run again."""
    first = events[0]
    assert isinstance(first, RunStarted)  # noqa: S101 - every history begins so
    if begin == "start":
        return first.first_step
    if run.status is Status.COMPLETED:
        raise NothingFailed(run.id)
    failed = run.error.step_id if run.error else None
    if failed is None and run.past:
        failed = run.last_visit.step_id
    return failed or first.first_step


def _done(before: Entered) -> frozenset[str]:
    return frozenset(visit.step_id for visit in before.carried)


def _unfit(message: str) -> InvalidAnswer:
    return InvalidAnswer([Problem("version", message)])
