"""Workflows: which version a start uses, and which workflows agents may call."""

from functools import partial

from app.clock import Clock
from app.definitions.invocations import invocation, is_invocation
from app.definitions.replays import Replay, is_replay, replayed
from app.definitions.versioned import Definitions, DefinitionUnusable
from journal import Archived, Journal, UnknownRun, UnknownVersion, UnknownWorkflow, VersionRow
from steps.checking.check import strictly_compiled
from steps.contract.step_type import StepBroke
from steps.definition import compile_definition
from steps.document.compiled import Definition
from steps.document.problems import InvalidDefinition
from steps.effects.effects import ToolInfo
from steps.models.output import schema_of
from steps.registry import Registry

_MOST_CALLERS = 50


class Workflows(Definitions[Definition]):
    """The workflows of all tenants."""

    def __init__(self, journal: Journal, registry: Registry, clock: Clock) -> None:
        compile_document = partial(compile_definition, registry=registry)
        check_document = partial(strictly_compiled, registry=registry)
        self._events = journal.events
        super().__init__(journal.workflows, compile_document, check_document, clock)

    async def startable(
        self, tenant: str, workflow_id: str, selector: str | None
    ) -> tuple[VersionRow, Definition]:
        """Return the version that a start uses. Raises `Archived` for an archived workflow."""
        row = await self.chosen(tenant, workflow_id, selector)
        if row.archived:
            raise Archived("workflow", workflow_id)
        return row, await self.compile_row(tenant, row)

    async def pinned(
        self, tenant: str, workflow_id: str, version: str, body: str = ""
    ) -> Definition:
        """Return the definition of a run: its whole version, or one body of it.

        Raises `DefinitionUnusable`.
        """
        try:
            if is_invocation(workflow_id):
                return await self._compile(invocation(workflow_id, version), self._compile_document)
            if is_replay(workflow_id):
                return await self._replayed(tenant, Replay.from_version(version))
            row = await self.chosen(tenant, workflow_id, version)
            definition = await self.compile_row(tenant, row)
            return definition.bodies[body] if body else definition
        except KeyError as unknown:
            why = f"the document has no body {body}"
            raise DefinitionUnusable(workflow_id, version, why) from unknown
        except (
            InvalidDefinition, UnknownWorkflow, UnknownVersion, UnknownRun, ValueError
        ) as unusable:  # fmt: skip
            raise DefinitionUnusable(workflow_id, version, str(unusable)) from unusable

    async def _replayed(self, tenant: str, replay: Replay) -> Definition:
        """Compile the workflow that repeats a visit of a run."""
        _, run = await self._events.run(replay.run_id, tenant)
        document = (await self.pinned(tenant, run.workflow_id, run.version)).document
        return await self._compile(replayed(document, replay), self._compile_document)

    async def callers(self, tenant: str, key: str, called: str) -> list[VersionRow]:
        """Return workflows with a step that calls an agent or a workflow, as `key` says.

        Workflows that decide whom to call only when they run are not included.
        """
        return await self.table.with_step(tenant, key, called, _MOST_CALLERS)

    async def as_tool(self, tenant: str, workflow_id: str) -> ToolInfo:
        """Describe a workflow to agents. Raises `StepBroke` unless it is marked as a tool."""
        try:
            row, definition = await self.startable(tenant, workflow_id, None)
        except (UnknownWorkflow, Archived, InvalidDefinition) as unusable:
            raise StepBroke("UnknownTool", str(unusable), retryable=False) from unusable
        if definition.document.get("tool") is not True:
            message = f'workflow {workflow_id} is not marked as a tool; give it "tool": true'
            raise StepBroke("UnknownTool", message, retryable=False)
        schema = schema_of(definition.input_fields())
        fields = definition.payload.specs or None
        return ToolInfo(row.id, row.description or row.name, schema, fields)
