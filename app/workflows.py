"""Workflows: definitions checked, stored as versions, compiled when they are run."""

import re
import unicodedata
from collections import OrderedDict

from app.clock import Clock
from engine import Json, JsonObject
from journal import Archived, Journal, NewVersion, VersionRow
from steps.compiled import Definition
from steps.definition import compile_definition
from steps.registry import Registry

_COMPILED = 500


class Workflows:
    """The workflows of all tenants."""

    def __init__(self, journal: Journal, registry: Registry, clock: Clock) -> None:
        self._table = journal.workflows
        self._registry = registry
        self._clock = clock
        self._compiled: OrderedDict[tuple[str, str, str, int], Definition] = OrderedDict()

    async def create(self, tenant: str, document: Json) -> VersionRow:
        """Check and store a new workflow. Raises `InvalidDefinition`, `WorkflowExists`."""
        definition = compile_definition(document, self._registry)
        wanted = definition.document.get("id")
        workflow_id = await self._table.create(
            tenant,
            self._new(definition),
            wanted_id=str(wanted) if wanted is not None else None,
            slug=slug(definition.name),
        )
        return await self._table.get(tenant, workflow_id, "latest")

    async def update(self, tenant: str, workflow_id: str, changes: JsonObject) -> VersionRow:
        """Store the next version: the newest one with its top-level keys replaced.

        Raises `InvalidDefinition`, `UnknownWorkflow`, `Archived`.
        """
        newest = await self._table.get(tenant, workflow_id, "latest")
        merged = {**newest.definition, "status": "draft", **changes, "id": workflow_id}
        definition = compile_definition(merged, self._registry)
        version = await self._table.add_version(tenant, workflow_id, self._new(definition))
        return await self._table.get(tenant, workflow_id, version)

    async def clone(self, tenant: str, workflow_id: str) -> VersionRow:
        """Copy the newest version as a new draft called "... (Copy)"."""
        newest = await self._table.get(tenant, workflow_id, "latest")
        copy = {k: v for k, v in newest.definition.items() if k not in ("id", "status")}
        copy["name"] = f"{newest.name} (Copy)"
        return await self.create(tenant, copy)

    async def startable(
        self, tenant: str, workflow_id: str, selector: str | None
    ) -> tuple[VersionRow, Definition]:
        """Give the version that a start takes. Raises `Archived` for an archived workflow."""
        if selector is None:
            row = await self._table.startable(tenant, workflow_id)
        else:
            row = await self._table.get(tenant, workflow_id, selector)
        if row.archived:
            raise Archived(workflow_id)
        return row, self._compile(tenant, row)

    async def compiled(
        self, tenant: str, workflow_id: str, version: str
    ) -> tuple[VersionRow, Definition]:
        """Give a version and its compiled definition. Raises `InvalidDefinition`."""
        row = await self._table.get(tenant, workflow_id, version)
        return row, self._compile(tenant, row)

    def _compile(self, tenant: str, row: VersionRow) -> Definition:
        """Compile once: a version never changes. Its creation time tells a recreated one."""
        key = (tenant, row.id, row.version, row.created_at_ms)
        definition = self._compiled.get(key)
        if definition is None:
            definition = compile_definition(row.definition, self._registry)
            self._compiled[key] = definition
            if len(self._compiled) > _COMPILED:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(key)
        return definition

    def _new(self, definition: Definition) -> NewVersion:
        kept = {k: v for k, v in definition.document.items() if k not in ("id", "status")}
        return NewVersion(
            definition.name, definition.description, kept, definition.status, self._clock.now_ms()
        )


def slug(name: str) -> str:
    """Give a name as an id: `Customer Onboarding` becomes `customer-onboarding`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:100].strip("-") or "workflow"
