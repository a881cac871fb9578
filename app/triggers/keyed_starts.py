"""Starts a run that no request asked for: checked, admitted, and once per key."""

from app.definitions.versioned import DefinitionUnusable
from app.definitions.workflows import Workflows
from app.execution.commands.runs import Runs
from app.execution.starting.admission import Admission
from app.execution.starting.new_run import NewRun
from app.files.uploads import Files
from engine import JsonObject
from engine.value import value
from journal import (
    Archived,
    DuplicateStart,
    IdempotencyKey,
    UnknownVersion,
    UnknownWorkflow,
)
from steps.contract.step_type import Problem, listed
from steps.document.compiled import Definition
from steps.document.problems import InvalidDefinition
from steps.language.allowance import Allowance
from steps.language.expression import ExpressionError
from steps.language.template import Template

_SIZE_BYTES = 64 * 1024
"""How many bytes a start without a request counts as for admission."""


class StartRefused(Exception):
    """The start can never succeed without a change; `problems` name the fields."""

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        self.problems = problems
        shown = listed(problems[:3])
        super().__init__(f"{message}: {shown}" if shown else message)


@value(frozen=True, slots=True)
class Target:
    """The workflow of a tenant to start, and its version; None lets the server choose."""

    tenant: str
    workflow_id: str
    version: str | None


@value(frozen=True, slots=True)
class Started:
    """The run that a key has started, now or earlier."""

    run_id: str
    is_new: bool


class KeyedStarts:
    """Starts runs, each key once."""

    def __init__(
        self, workflows: Workflows, runs: Runs, admission: Admission, files: Files
    ) -> None:
        self._workflows = workflows
        self._files = files
        self._runs = runs
        self._admission = admission

    async def definition(self, target: Target) -> tuple[str, Definition]:
        """Return the version that would be started. Raises `StartRefused`."""
        try:
            row, definition = await self._workflows.startable(
                target.tenant, target.workflow_id, target.version
            )
        except UnknownVersion as unknown:
            raise StartRefused("no version", (Problem("version", str(unknown)),)) from unknown
        except (UnknownWorkflow, Archived, InvalidDefinition, DefinitionUnusable) as unusable:
            problem = Problem("workflowId", str(unusable))
            raise StartRefused("no workflow", (problem,)) from unusable
        return row.version, definition

    async def start(  # noqa: PLR0913 - the parts of a start
        self,
        target: Target,
        data: JsonObject,
        key: str,
        caller: str,
        *,
        context: "JsonObject | None" = None,
        size: int = _SIZE_BYTES,
    ) -> Started:
        """Start a run, durable when this returns; for a used key, return the run it started.

        Args:
            target: What is started.
            data: Its input.
            key: The idempotency key; only one run is started for each.
            caller: Who starts it, as recorded in the history.
            context: The value of `context` in its expressions.
            size: How many bytes the start counts as for admission.

        Raises:
            StartRefused: The workflow cannot be started, or not with this data.
            Overloaded: The server is overloaded; try again.
        """
        version, definition = await self.definition(target)
        problems = await self._files.unknown_in(target.tenant, definition.inputs, data)
        if problems:
            raise StartRefused("the data does not fit", tuple(problems))
        new = NewRun(
            target.tenant,
            target.workflow_id,
            version,
            definition,
            checked_data(definition, data),
            caller,
            context or {},
            IdempotencyKey(key, ""),
            size=size,
        )
        with self._admission.starting(target.tenant, size):
            try:
                run, _ = await self._runs.start(new, wait=False)
            except DuplicateStart as duplicate:
                return Started(duplicate.run_id, is_new=False)
        return Started(run.id, is_new=True)


def checked_data(definition: Definition, data: JsonObject) -> JsonObject:
    """Return the input of a start, with defaults. Raises `StartRefused`."""
    if problems := definition.payload.check(data):
        raise StartRefused("the data does not fit", tuple(problems))
    return definition.payload.with_defaults(data)


async def rendered(template: Template, scope: JsonObject) -> JsonObject:
    """Return the data that a template produces. Raises `StartRefused`."""
    try:
        with Allowance():
            data = await template.rendered(scope)
    except ExpressionError as failed:
        raise StartRefused("no data", (Problem("data", str(failed)),)) from failed
    return data if isinstance(data, dict) else {}
