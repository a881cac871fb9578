"""What a run is started with, and the first events that follow from it."""

from collections.abc import Mapping
from dataclasses import field

from app.definitions.versioned import DefinitionUnusable
from engine import (
    Begin,
    CarriedVisit,
    Ending,
    Event,
    Json,
    JsonObject,
    Origin,
    Parent,
    Run,
    RunError,
    RunFailed,
    RunQueued,
    RunStarted,
    Starter,
    StepError,
    StepRecorded,
    StepStarted,
    apply,
    fold,
    react,
    scope,
)
from engine.value import value
from journal import IdempotencyKey
from steps.document.compiled import CompiledStep, Definition
from steps.language.expression import ExpressionError


@value(frozen=True, slots=True)
class Beginning:
    """Where a rerun begins, and what it takes from the earlier run.

    Attributes:
        outputs: What the steps before it had delivered, by step id.
        caught: The error that had been caught last.
        caught_in: The step that had failed with it.
        carried: The visits that earlier runs have done.
        visits: How often each step had been entered.
        handler: The handler that the run had entered, empty for none.
        ending: How the run ends once its `finally` has.
        records: What the first step has already finished of its work, by name.
    """

    origin: Origin
    outputs: JsonObject
    caught: StepError | None
    caught_in: str | None
    carried: tuple[CarriedVisit, ...]
    visits: dict[str, int]
    handler: str = ""
    ending: Ending | None = None
    records: Mapping[str, Json] = field(default_factory=dict)


@value(frozen=True, slots=True)
class NewRun:
    """What a run is started with.

    Attributes:
        context: What the caller's token says besides who they are.
        parent: The run whose step starts this one and waits for it.
        starter: The run whose step starts this one without waiting for it.
        refused: Why the run fails at once: its parent's step gave it unsuitable input.
        beginning: Where it begins, if that is not the first step of the definition.
        size: How many bytes the request had that starts it.
        vars: The variables that it takes from its parent; None: the current ones.
        inherited: The parent's data that lies beneath `data`; the run keeps no copy of it.
    """

    tenant: str
    workflow_id: str
    version: str
    definition: Definition | DefinitionUnusable
    data: JsonObject
    caller: str
    context: JsonObject = field(default_factory=dict)
    idempotency: IdempotencyKey | None = None
    parent: Parent | None = None
    starter: Starter | None = None
    refused: RunError | None = None
    beginning: Beginning | None = None
    size: int = 0
    vars: "JsonObject | None" = None
    inherited: "JsonObject | None" = None

    @property
    def variables(self) -> frozenset[str]:
        """The names of the variables that the run may use."""
        definition = self.definition
        if isinstance(definition, DefinitionUnusable):
            return frozenset()
        return definition.variables

    def started(self, run_id: str, now_ms: int, variables: JsonObject) -> RunStarted:
        """Return the first event of the run, with the values of its variables."""
        rerun = self.beginning
        return RunStarted(
            at_ms=now_ms,
            run_id=run_id,
            workflow_id=self.workflow_id,
            version=self.version,
            first_step=rerun.origin.step_id if rerun else self._first_step(),
            data=self.data,
            context=self.context,
            caller=self.caller,
            parent=self.parent,
            starter=self.starter,
            origin=rerun.origin if rerun else None,
            outputs=rerun.outputs if rerun else {},
            caught=rerun.caught if rerun else None,
            caught_in=rerun.caught_in if rerun else None,
            carried=rerun.carried if rerun else (),
            visits=rerun.visits if rerun else {},
            vars=variables,
            body="" if isinstance(self.definition, DefinitionUnusable) else self.definition.path,
            deadline_ms=self._deadline_ms(now_ms),
            handler=rerun.handler if rerun else "",
            ending=rerun.ending if rerun else None,
            inherits=self.inherited is not None,
            inherited=self.inherited or {},
        )

    def step(self, step_id: str) -> CompiledStep:
        """Return a step of its definition. Raises `DefinitionUnusable`."""
        if isinstance(self.definition, DefinitionUnusable):
            raise self.definition
        return self.definition.steps[step_id]

    def begun(self, run: Run, now_ms: int) -> list[Event]:
        """Apply what follows from the run's first event, and return the further events.

        They either end the run or begin its work.
        """
        if self.refused:
            failed = RunFailed(now_ms, self.refused)
            apply(run, failed)
            return [failed]
        if (queued := self._queued(run, now_ms)) is not None:
            apply(run, queued)
            return [queued]
        records = self.beginning.records if self.beginning else {}
        if not records or isinstance(self.definition, DefinitionUnusable):
            return []
        events = list(react(run, self.definition.graph, Begin(), now_ms))
        first = events[0]
        if isinstance(first, StepStarted):
            where = (now_ms, first.step_id, first.visit)
            recorded = [StepRecorded(*where, name, value) for name, value in records.items()]
            fold(recorded, run)
            events += recorded
        return events

    def _queued(self, run: Run, now_ms: int) -> RunQueued | RunFailed | None:
        """Return the event that queues the run for a place, or fails it if it has no valid key."""
        if isinstance(self.definition, DefinitionUnusable) or self.definition.places is None:
            return None
        try:
            return RunQueued(now_ms, self.definition.places.of(scope(run)))
        except ExpressionError as failed:
            message = f"concurrency: {failed}"
            error = RunError(None, "ExpressionFailed", message, retryable=False)
            return RunFailed(now_ms, error)

    def _deadline_ms(self, now_ms: int) -> int | None:
        if isinstance(self.definition, DefinitionUnusable):
            return None
        if self.definition.places or (self.beginning and self.beginning.handler):
            return None
        timeout_ms = self.definition.graph.timeout_ms
        return None if timeout_ms is None else now_ms + timeout_ms

    def _first_step(self) -> str:
        """Return the step where the run begins; empty if its workflow cannot be started."""
        definition = self.definition
        return "" if isinstance(definition, DefinitionUnusable) else definition.graph.initial
